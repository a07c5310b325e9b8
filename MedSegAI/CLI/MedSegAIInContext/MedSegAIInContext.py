#!/usr/bin/env python-real
"""Segment an image by the examples of a task that grows; a Slicer CLI that runs as plain Python too."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

try:
    import MedSegAICore
except ImportError:  # in the source tree, where nothing is installed
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import MedSegAICore

from MedSegAICore.command_line import (
    cancel_on_signal,
    check_new_files,
    check_segmentation_name,
    exit_code,
    optional_path,
    parameters_text,
    read_recipe_of,
    recipe_differences,
    refuse,
    report_end,
    report_progress,
    report_start,
    say,
    write_text,
)
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.fewshot.example_files import ExampleFiles, looks_in, read_examples
from MedSegAICore.fewshot.learned import means_text
from MedSegAICore.fewshot.result_files import (
    expected_dice,
    filled_values,
    known_values,
    volume_ml,
    write_label_map,
    write_segments,
)
from MedSegAICore.images import image_from_array, read_image, write_image
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.stored_task import StoredTask
from MedSegAICore.incontext.task_library import TaskLibrary
from MedSegAICore.label_files import wanted_labels
from MedSegAICore.recipe import Recipe
from MedSegAICore.request import (
    CleanUp,
    Combination,
    ContextOptions,
    Direction,
    InContextTask,
    SegmentationRequest,
    VolumeScope,
)
from MedSegAICore.result import SegmentationResult

NAME = "MedSegAI In-context"

BEST = "best"
"""Lets the examples decide across which slices an image is looked at."""

EXAMPLES = """examples:
  MedSegAIInContext.py --library tasks --task organs --example a.nii.gz a_labels.nii.gz --labels liver=1,spleen=2
  MedSegAIInContext.py --library tasks --task organs --query new.nii.gz --segmentation new.seg.nrrd
  MedSegAIInContext.py --recipe new.recipe.json --query new.nii.gz --labelMap again.nii.gz

The first command makes the task, or adds to it; the second one segments by all of its examples. The task is the one
that the effect AI In-context shows. Not a medical device.
"""


def main(arguments: Sequence[str], cancel: CancelToken) -> int:
    """Run the command and return its exit code: 0, or 1 after one sentence on the standard error."""
    options = parser().parse_args(arguments)
    return exit_code(lambda: run(options, cancel), verbose=options.verbose)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; the XML beside this file describes the same to Slicer."""
    made = argparse.ArgumentParser(
        prog="MedSegAIInContext",
        description="Segment an image by the examples of a task that grows.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    file = {"type": optional_path, "metavar": "FILE"}
    image = made.add_argument_group("image and result")
    image.add_argument("--query", **file, help="image to segment")
    image.add_argument("--labelMap", **file, help="label map to write")
    image.add_argument("--segmentation", **file, help="segmentation to write, with names (.seg.nrrd)")
    image.add_argument("--uncertainty", **file, help="image to write: where the model is not sure, from 0 to 1")
    image.add_argument("--recipeOutput", **file, help="write the recipe of the result")
    _add_task(made.add_argument_group("task"), file)
    _add_model(made.add_argument_group("model"), file)
    settings = made.add_argument_group("settings")
    settings.add_argument("--threshold", type=float, default=0.5, metavar="P", help="probability to be inside (0.5)")
    settings.add_argument("--largestIsland", action="store_true", help="keep the largest connected part of each only")
    settings.add_argument("--fillHoles", action="store_true", help="fill enclosed holes")
    settings.add_argument("--smoothing", type=float, default=0.0, metavar="MM", help="smooth the surfaces (0)")
    settings.add_argument("--report", **file, help="write the report that is printed")
    settings.add_argument("--overwrite", action="store_true", help="replace results that are there")
    made.add_argument("--returnparameterfile", type=optional_path, help=argparse.SUPPRESS)
    made.add_argument("--verbose", action="store_true", help="show where in the program an error arose")
    made.add_argument("--version", action="version", version=MedSegAICore.__version__)
    return made


def _add_task(task: argparse._ArgumentGroup, file: Mapping[str, object]) -> None:
    pair = {"nargs": 2, "action": "append", "default": [], "metavar": ("IMAGE", "LABELS")}
    task.add_argument("--library", type=optional_path, metavar="FOLDER", help="folder of tasks")
    task.add_argument("--task", default="", metavar="NAME", help="name of the task")
    task.add_argument("--labels", default="", metavar="A=1,B=2", help="structures, with values in label maps (all)")
    task.add_argument("--example", type=Path, **pair, help="image with its label map or .seg.nrrd to add; repeat it")
    for name in ("exampleImage", "exampleLabels"):  # Slicer fills these; people use --example
        task.add_argument(f"--{name}", type=optional_path, help=argparse.SUPPRESS)
    task.add_argument("--recipe", **file, help="recipe to run again (.json): task and settings")


def _add_model(model: argparse._ArgumentGroup, file: Mapping[str, object]) -> None:
    usual = ContextOptions()
    model.add_argument("--model", default=InContextTask.model, help=f"name of the model ({InContextTask.model})")
    model.add_argument("--weights", **file, help="checkpoint of the model")
    model.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    model.add_argument("--direction", default=BEST, choices=(BEST, *get_args(Direction)), help="of the slices (best)")
    model.add_argument("--fuseAxes", action="store_true", help="look along all directions, and average")
    model.add_argument("--supports", type=int, default=usual.supports, metavar="N", help="slices of examples seen (16)")
    model.add_argument("--subsets", type=int, default=usual.subsets, metavar="N", help="choices of them (1)")
    model.add_argument("--augmentations", type=int, default=0, metavar="N", help="other intensities for each (0)")
    model.add_argument("--candidates", type=int, default=usual.candidates, metavar="N", help="answers at once (5)")
    model.add_argument("--combine", default="mean", choices=get_args(Combination), help="of several answers (mean)")
    model.add_argument("--secondPass", action="store_true", help="look again, more closely, at what was found")
    model.add_argument("--seed", type=int, default=0, metavar="N", help="of what is drawn (0)")


def run(options: argparse.Namespace, cancel: CancelToken) -> None:
    """Add the examples that are given, and segment the image if there is one."""
    began = time.perf_counter()
    report_start(NAME, "Reading")
    check_options(options)
    check_files(options)
    whole = Run(report_progress, cancel)
    image = read_image(options.query) if options.query else None  # before anything is added
    wanted = wanted_labels(options.labels)
    add_examples(options, wanted)
    task, recipe = task_of(options, wanted)
    stored, result = TaskLibrary(task.library).task(task.task), None
    lines, warnings = [f"Task '{stored.name}' with {len(stored.identifiers())} examples."], []
    values: Mapping[str, int] = {}
    if image is not None:
        labels = task.labels or stored.labels
        given = {name: value for name, value in wanted.items() if value is not None}
        values = filled_values(labels, known_values(labels, given))
        engine = Engine(options.device, {task.model: options.weights} if options.weights else None)
        result = engine.segment(SegmentationRequest(image, task), whole.progress, whole.cancel)
        whole.check()
        write_result(options, result, values)
        warnings += [*result.warnings, *(recipe_differences(recipe, result) if recipe else ())]
    lines += result_lines(result, values)
    tell(options, lines, warnings, report_fields(stored, result, time.perf_counter() - began, warnings))
    report_end(NAME, time.perf_counter() - began)


def check_options(options: argparse.Namespace) -> None:
    """Raise `InvalidRequest` for options that do not fit together, before time is spent on them."""
    results = options.labelMap or options.segmentation or options.uncertainty
    if bool(options.exampleImage) != bool(options.exampleLabels):
        refuse("The example has only one of image and labels.", "Choose both, or neither.")
    adds = options.example or options.exampleImage
    if options.recipe and (adds or options.task):
        refuse("A recipe names the task itself.", "Leave --task, --example and the example out, or the recipe.")
    if not options.recipe and not (options.library and options.task.strip()):
        refuse("It is not clear what to segment.", "Give --library and --task, or --recipe.")
    if options.query and not results:
        refuse("It is not clear where the result goes.", "Give --labelMap or --segmentation.")
    if not options.query and (results or options.recipeOutput or not adds):
        refuse("There is no image to segment.", "Give --query, or --example alone to add to the task only.")


def check_files(options: argparse.Namespace) -> None:
    """Raise `InvalidRequest` where a file could not be written or is there already."""
    check_segmentation_name(options.segmentation)
    files = (options.labelMap, options.segmentation, options.uncertainty, options.recipeOutput, options.report)
    check_new_files(files, overwrite=options.overwrite)


def add_examples(options: argparse.Namespace, wanted: Mapping[str, int | None]) -> None:
    """Store the examples that are given; all of them are read before the first is stored."""
    pairs = [ExampleFiles(image, labels) for image, labels in options.example]
    if options.exampleImage:
        pairs.append(ExampleFiles(options.exampleImage, options.exampleLabels))
    if not pairs:
        return
    examples, looks = read_examples(pairs, wanted), looks_in(pairs)
    library, name = TaskLibrary(options.library), options.task.strip()
    stored = library.task(name) if name in library.tasks() else library.create(name, examples[0].masks)
    for example in examples:
        stored.add(ContextExample(example, looks={label: looks[label] for label in example.masks if label in looks}))


def task_of(options: argparse.Namespace, wanted: Mapping[str, int | None]) -> tuple[InContextTask, Recipe | None]:
    """Return what is asked, and the recipe that is run again, if there is one."""
    if options.recipe:
        task, recipe = read_recipe_of(options.recipe, InContextTask)
        return replace(task, library=(options.library or task.library).absolute()), recipe
    counts = {name: getattr(options, name) for name in ("supports", "subsets", "augmentations", "candidates", "seed")}
    return InContextTask(
        options.library.absolute(),
        options.task.strip(),
        model=options.model,
        labels=tuple(wanted),
        scope=VolumeScope(
            direction=None if options.direction == BEST else options.direction, fuse_axes=options.fuseAxes
        ),
        options=ContextOptions(**counts, combine=options.combine, second_pass=options.secondPass),
        threshold=options.threshold,
        clean_up=CleanUp(options.largestIsland, options.fillHoles, options.smoothing),
    ), None


def write_result(options: argparse.Namespace, result: SegmentationResult, values: Mapping[str, int]) -> None:
    """Write the files of the result; each appears whole or not at all."""
    if options.recipeOutput:
        write_text(options.recipeOutput, Recipe.from_result(result).to_json())
    if options.uncertainty and result.uncertainty is not None:
        patch = result.uncertainty
        write_image(options.uncertainty, image_from_array(patch.full().astype(np.float32), patch.geometry))
    if options.segmentation:
        task = result.provenance.task
        write_segments(options.segmentation, result, TaskLibrary(Path(task["library"])).looks(task["task"]))
    if options.labelMap:
        write_label_map(options.labelMap, result, values)


def result_lines(result: SegmentationResult | None, values: Mapping[str, int]) -> list[str]:
    """Say what was found of every structure."""
    return [
        f"{part.label} (value {values[part.label]}): {volume_ml(part):.4g} ml, expected Dice "
        + ("not known." if part.quality is None else f"{part.quality:.2f}.")
        for part in (result.structures if result else ())
    ]


def report_fields(
    stored: StoredTask, result: SegmentationResult | None, seconds: float, warnings: Sequence[str]
) -> dict[str, object]:
    """Return what comes back to Slicer: the time [s], and the rest in words."""
    return {
        "structures": ", ".join(stored.labels),
        "examples": len(stored.identifiers()),
        "expectedDice": means_text(expected_dice(result)) if result else "",
        "usedModel": result.provenance.model if result else "",
        "seconds": f"{seconds:.3f}",
        "warnings": " ".join(warnings),
    }


def tell(
    options: argparse.Namespace, lines: Sequence[str], warnings: Sequence[str], fields: Mapping[str, object]
) -> None:
    """Print the report, and write it where it is asked for."""
    text = [*lines, *(f"Warning: {warning}" for warning in warnings)]
    if options.report:
        write_text(options.report, "".join(f"{line}\n" for line in text))
    if options.returnparameterfile:
        write_text(options.returnparameterfile, parameters_text(fields))
    for line in text:
        say(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], cancel_on_signal()))
