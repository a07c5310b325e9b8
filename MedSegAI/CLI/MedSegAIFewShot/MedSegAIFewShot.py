#!/usr/bin/env python-real
"""Segment images by what a few labelled images show; a Slicer CLI that runs as plain Python too."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

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
from MedSegAICore.errors import MedSegAIError
from MedSegAICore.fewshot.example_files import ExampleFiles, label_values, looks_in, read_examples
from MedSegAICore.fewshot.fit import BEST, DEFAULT, FitReport, FitRequest
from MedSegAICore.fewshot.folder_run import FAILED, KEPT, RESULTS, FolderRun, images_in, segment_images
from MedSegAICore.fewshot.learned import (
    MODEL,
    Learned,
    fingerprint_of,
    passing_folder,
    remember_model,
    remembered_model,
)
from MedSegAICore.fewshot.result_files import write_label_map, write_segments
from MedSegAICore.fewshot.support_notes import SupportNotes, notes_file, write_notes
from MedSegAICore.fewshot.support_set import supports_at
from MedSegAICore.images import read_image
from MedSegAICore.label_files import wanted_labels
from MedSegAICore.recipe import Recipe
from MedSegAICore.request import CleanUp, FewShotTask, SegmentationRequest
from MedSegAICore.result import SegmentationResult
from MedSegAICore.segment_look import SegmentLook

NAME = "MedSegAI Few-shot"

SLOTS = range(1, 6)
"""Numbers of the examples that can be chosen in Slicer."""

LEARNING_SHARE = 8
"""Learning takes about as long as segmenting so many images."""

EXAMPLES = """examples:
  MedSegAIFewShot.py --example a.nii.gz a_labels.nii.gz --example b.nii.gz b.seg.nrrd --labels liver=1,spleen=2 \\
      --query new.nii.gz --segmentation new.seg.nrrd --saveModel organs.safetensors
  MedSegAIFewShot.py --modelFile organs.safetensors --query next.nii.gz --labelMap next_labels.nii.gz
  MedSegAIFewShot.py --supports study.support.json --queries scans --outputFolder results

The folder of several results receives label maps, segmentations, recipes and results.csv; the same command goes on
where it was stopped. Not a medical device.
"""


def main(arguments: Sequence[str], cancel: CancelToken) -> int:
    """Run the command and return its exit code: 0, or 1 after one sentence on the standard error."""
    options = parser().parse_args(arguments)
    return exit_code(lambda: run(options, cancel), verbose=options.verbose)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; the XML beside this file describes the same to Slicer."""
    made = argparse.ArgumentParser(
        prog="MedSegAIFewShot",
        description="Segment images by what a few labelled images show.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    file = {"type": optional_path, "metavar": "FILE"}
    folder = {"type": optional_path, "metavar": "FOLDER"}
    one = made.add_argument_group("one image")
    one.add_argument("--query", type=Path, action="append", default=[], metavar="FILE", help="image to segment")
    one.add_argument("--labelMap", **file, help="label map to write, with the values of the examples")
    one.add_argument("--segmentation", **file, help="segmentation to write, with names (.seg.nrrd)")
    one.add_argument("--recipeOutput", **file, help="write the recipe of the result")
    many = made.add_argument_group("many images")
    many.add_argument("--queries", **folder, help="folder of images to segment, besides --query")
    many.add_argument("--outputFolder", **folder, help="folder for their results and results.csv")
    examples = made.add_argument_group("examples: pairs, a support set, or what was learned before")
    pair = {"nargs": 2, "action": "append", "default": [], "metavar": ("IMAGE", "LABELS")}
    examples.add_argument("--example", type=Path, **pair, help="image with its label map or .seg.nrrd; repeat it")
    for slot in SLOTS:  # Slicer fills these; people use --example
        examples.add_argument(f"--support{slot}", type=optional_path, help=argparse.SUPPRESS)
        examples.add_argument(f"--supportLabels{slot}", type=optional_path, help=argparse.SUPPRESS)
    examples.add_argument("--supports", **file, help="support set (.support.json), or a folder of pairs")
    examples.add_argument("--labels", default="", metavar="A=1,B=2", help="structures, with values in label maps (all)")
    examples.add_argument("--modelFile", **file, help="support model to use again (.safetensors)")
    examples.add_argument("--recipe", **file, help="recipe to run again (.json): support model and settings")
    learning = made.add_argument_group("learning")
    learning.add_argument("--method", default=DEFAULT, help=f"name of the model, or {BEST} ({DEFAULT})")
    learning.add_argument("--weights", **file, help="checkpoint of the model")
    learning.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    learning.add_argument("--seed", type=int, default=0, metavar="N", help="of what is drawn (0)")
    learning.add_argument("--saveModel", **file, help="keep what was learned (.safetensors)")
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


def run(options: argparse.Namespace, cancel: CancelToken) -> None:
    """Learn if need be, segment and write; nothing is written unless everything before went well."""
    began = time.perf_counter()
    report_start(NAME, "Reading")
    queries = [*options.query, *(images_in(options.queries) if options.queries else ())]
    check_options(options, queries)
    check_files(options)
    whole = Run(report_progress, cancel)
    share = 0.0 if options.modelFile or options.recipe else LEARNING_SHARE / (LEARNING_SHARE + len(queries))
    segment = several if options.outputFolder else one_or_none
    with passing_folder() as folder:
        segment(options, queries, folder, (whole.part(0.0, share), whole.part(share, 1.0)))
    report_end(NAME, time.perf_counter() - began)


def one_or_none(options: argparse.Namespace, queries: Sequence[Path], folder: Path, runs: tuple[Run, Run]) -> None:
    """Learn, segment the only image if there is one, and report."""
    began = time.perf_counter()
    image = read_image(queries[0]) if queries else None  # before minutes are spent on learning
    engine, learned = learned_from(options, folder, runs[0])
    result = None
    warnings, lines = [*learned.warnings], learned.lines()
    if image is not None:
        request = SegmentationRequest(image, learned.task)
        result = engine.segment(request, runs[1].progress, runs[1].cancel)
        runs[1].check()
        write_result(options, learned, result)
        warnings += [*result.warnings, *reuse_warnings(options, learned)]
        warnings += recipe_differences(learned.recipe, result) if learned.recipe else []
        lines += learned.result_lines(result)
    tell(options, lines, warnings, learned.report_fields(result, 0, time.perf_counter() - began, warnings))


def several(options: argparse.Namespace, queries: Sequence[Path], folder: Path, runs: tuple[Run, Run]) -> None:
    """Learn, segment every image, and say at the end how many failed."""
    began = time.perf_counter()
    engine, learned = learned_from(options, folder, runs[0])
    job = FolderRun(engine, learned.task, learned.values, options.outputFolder, options.overwrite, learned.looks)
    rows = segment_images(job, queries, runs[1])
    failed = [row for row in rows if row.status == FAILED]
    kept = sum(row.status == KEPT for row in rows)
    lines = learned.lines()
    lines.append(f"{len(rows)} images: {len(rows) - kept - len(failed)} segmented, {kept} kept, {len(failed)} failed.")
    lines += [f"{row.image}: {row.note}" for row in rows if row.note]
    fields = learned.report_fields(None, len(failed), time.perf_counter() - began, learned.warnings)
    tell(options, lines, [*learned.warnings, *reuse_warnings(options, learned)], fields)
    if failed:
        message = f"{len(failed)} of {len(rows)} images could not be segmented, such as '{failed[0].image}'."
        raise MedSegAIError(message, f"The others are done; '{RESULTS}' says why for each.")


def check_options(options: argparse.Namespace, queries: Sequence[Path]) -> None:
    """Raise `InvalidRequest` for options that do not fit together, before time is spent on them."""
    results = options.labelMap or options.segmentation
    if options.outputFolder:
        if not queries:
            refuse("There is no image to segment.", "Give --queries, or --query once or more.")
        if results or options.recipeOutput:
            refuse("One file cannot hold the results of many images.", "Leave it out: --outputFolder receives them.")
        if options.saveModel:
            refuse("The support model of many images lies in their folder.", "Leave --saveModel out.")
    elif len(queries) > 1 or options.queries:
        refuse("Several images need a folder for their results.", "Give --outputFolder.")
    elif queries and not results:
        refuse("It is not clear where the result goes.", "Give --labelMap or --segmentation.")
    elif not queries and (results or options.recipeOutput or not options.saveModel):
        refuse("There is no image to segment.", "Give --query, or --saveModel alone to learn only.")
    check_reuse(options)
    if options.recipeOutput and not (options.saveModel or options.modelFile or options.recipe):
        refuse("A recipe needs a support model that is kept.", "Give --saveModel too.")


def check_reuse(options: argparse.Namespace) -> None:
    """Raise `InvalidRequest` for options of learning where nothing is learned, as far as they ask for something.

    Slicer always gives a method and a seed: those that it begins with ask for nothing.
    """
    if not (options.modelFile or options.recipe):
        return
    wishes = {"--method": options.method != DEFAULT, "--seed": options.seed != 0, "--saveModel": options.saveModel}
    if wish := next((name for name, is_asked in wishes.items() if is_asked), ""):
        refuse(f"{wish} is about learning, but a support model has learned already.", "Leave it out, or give examples.")
    if bare := next((name for name, value in wanted_labels(options.labels).items() if value is None), ""):
        message = f"'{bare}' has no value: a support model segments all that it has learned."
        refuse(message, f"Say its value in label maps (--labels {bare}=1), or learn it alone from examples.")


def check_files(options: argparse.Namespace) -> None:
    """Raise `InvalidRequest` where a file could not be written or is there already."""
    check_segmentation_name(options.segmentation)
    kept = (options.saveModel, notes_file(options.saveModel)) if options.saveModel else ()
    files = (options.labelMap, options.segmentation, options.recipeOutput, *kept, options.report)
    check_new_files(files, overwrite=options.overwrite)


def learned_from(options: argparse.Namespace, folder: Path, run: Run) -> tuple[Engine, Learned]:
    """Return the engine and what segments; `folder` takes a support model that is not kept."""
    settings = FewShotTask(folder / MODEL, threshold=options.threshold, clean_up=clean_up(options))
    pairs, named = example_files(options)
    if bool(pairs) == bool(options.modelFile or options.recipe):
        advice = "Give --example or --supports to learn, or else --modelFile or --recipe to use what was learned."
        refuse("Either examples or a support model are needed.", advice)
    asked = wanted_labels(options.labels)
    wanted = {name: named.get(name) if value is None else value for name, value in asked.items()} or {**named}
    if not pairs:
        return restored(options, settings, {name: value for name, value in wanted.items() if value is not None})
    if options.weights and options.method == BEST:
        refuse("Weights belong to one model.", "Name the model, or put them into the weights folder.")
    engine = Engine(options.device, {options.method: options.weights} if options.weights else None)
    results, values = options.outputFolder, label_values(pairs, wanted)
    file = results / MODEL if results else options.saveModel or folder / MODEL
    request = FitRequest(read_examples(pairs, wanted), file, options.method, options.seed, values)
    file, report = learn(options, engine, request, run)
    if report:
        keep_notes(file, request, looks_in(pairs))
    return engine, Learned.of(replace(settings, support_model=file.absolute()), values, report)


def keep_notes(file: Path, request: FitRequest, looks: Mapping[str, SegmentLook]) -> None:
    """Write down beside a support model how its structures look."""
    labels = request.examples[0].masks
    fingerprints = tuple(example.image.fingerprint for example in request.examples)
    known = {label: look for label, look in looks.items() if label in labels}
    write_notes(file, SupportNotes(known, fingerprints))


def learn(options: argparse.Namespace, engine: Engine, request: FitRequest, run: Run) -> tuple[Path, FitReport | None]:
    """Return the support model, and the report unless an earlier run into the same folder has learned it."""
    results, made_of = options.outputFolder, fingerprint_of(request.examples, request.model, request.seed)
    earlier = remembered_model(results, made_of) if results and not options.overwrite else None
    if earlier:
        return earlier, None
    if results and request.file.exists() and not options.overwrite:
        message = f"'{MODEL}' in '{results}' is there already, and was not learned here like that."
        refuse(message, "Choose another folder, use it with --modelFile, or replace it with --overwrite.")
    report = engine.fit(request, run.progress, run.cancel)
    run.check()
    if results:
        remember_model(results, made_of, report)
    return request.file, report


def restored(options: argparse.Namespace, settings: FewShotTask, known: Mapping[str, int]) -> tuple[Engine, Learned]:
    """Return the engine and what was learned before; `known` are values of structures in label maps."""
    recipe = None
    if options.recipe:
        task, recipe = read_recipe_of(options.recipe, FewShotTask)
        task = replace(task, support_model=(options.modelFile or task.support_model).absolute())
    else:
        task = replace(settings, support_model=options.modelFile.absolute())
    learned = Learned.of(task, known, recipe=recipe)
    return Engine(options.device, {learned.model.method: options.weights} if options.weights else None), learned


def example_files(options: argparse.Namespace) -> tuple[Sequence[ExampleFiles], dict[str, int]]:
    """Return the files of all examples, and the labels that a support set names."""
    pairs = [ExampleFiles(image, labels) for image, labels in options.example]
    for slot in SLOTS:
        image, labels = (getattr(options, f"{name}{slot}") for name in ("support", "supportLabels"))
        if bool(image) != bool(labels):
            refuse(f"Example {slot} has only one of image and labels.", "Choose both, or neither.")
        if image:
            pairs.append(ExampleFiles(image, labels))
    if not options.supports:
        return pairs, {}
    if pairs:
        refuse("Examples were given as files and as a support set.", "Leave one of them out.")
    return supports_at(options.supports)


def reuse_warnings(options: argparse.Namespace, learned: Learned) -> tuple[str, ...]:
    """Say what a support model that was learned before leaves open."""
    is_reused, writes_values = options.modelFile or options.recipe, options.labelMap or options.outputFolder
    return learned.number_warnings() if is_reused and writes_values else ()


def clean_up(options: argparse.Namespace) -> CleanUp:
    """Return what is done to the finished masks."""
    return CleanUp(options.largestIsland, options.fillHoles, options.smoothing)


def write_result(options: argparse.Namespace, learned: Learned, result: SegmentationResult) -> None:
    """Write the files of the only result; each appears whole or not at all."""
    if options.recipeOutput:
        write_text(options.recipeOutput, Recipe.from_result(result).to_json())
    if options.segmentation:
        write_segments(options.segmentation, result, learned.looks)
    if options.labelMap:
        write_label_map(options.labelMap, result, learned.values)


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
