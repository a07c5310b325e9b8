#!/usr/bin/env python-real
"""Segment the structure that points, curves and boxes mark in an image; a Slicer CLI that runs as plain Python too."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

try:
    import MedSegAICore
except ImportError:  # in the source tree, where nothing is installed
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import MedSegAICore

from MedSegAICore.command_line import (
    cancel_on_signal,
    check_new_files,
    exit_code,
    joined,
    optional_path,
    read_recipe_of,
    recipe_differences,
    report_end,
    report_progress,
    report_start,
    report_text,
    say,
    write_text,
)
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.errors import Cancelled
from MedSegAICore.images import check_label_value, read_image, write_labels
from MedSegAICore.markups import read_markups
from MedSegAICore.models.prompt_default import AUTO, OWN_NETWORK, WITHOUT_PACKAGES, named_prompt_model
from MedSegAICore.prompt_options import (
    LISTS,
    add_prompts,
    add_result_settings,
    add_slices,
    clean_up_of,
    direction_of,
    prompts_inside,
    range_of,
    scope_of,
    window_of,
)
from MedSegAICore.recipe import Recipe
from MedSegAICore.request import Method, PromptTask, SegmentationRequest, VolumeScope
from MedSegAICore.result import SegmentationResult
from MedSegAICore.volume import ImageVolume

NAME = "MedSegAI Prompt"

EXAMPLES = """examples:
  MedSegAIPrompt.py ct.nii.gz liver.nrrd --positive inside.mrk.json --negative outside.mrk.json
  MedSegAIPrompt.py ct.nii.gz liver.nrrd --box roi.mrk.json --largestIsland --recipeOutput liver.json
  MedSegAIPrompt.py ct.nii.gz aorta.nrrd --positive inside.mrk.json --direction axial --range 0,0,-80,0,0,60
  MedSegAIPrompt.py ct.nii.gz again.nrrd --recipe liver.json

Points, curves, boxes and recipes are files as Slicer saves them. Not a medical device.
"""


def main(arguments: Sequence[str], cancel: CancelToken) -> int:
    """Run the command and return its exit code: 0, or 1 after one sentence on the standard error."""
    options = parser().parse_args(joined(arguments, LISTS))
    return exit_code(lambda: run(options, cancel), verbose=options.verbose)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; the XML beside this file describes the same to Slicer."""
    made = argparse.ArgumentParser(
        prog="MedSegAIPrompt",
        description="Segment the structure that points, curves and boxes mark in an image.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("image", type=Path, help="image to segment, in any format that ITK reads")
    made.add_argument("labels", type=Path, help="label map to write, such as liver.nrrd or liver.nii.gz")
    made.add_argument("--labelValue", type=int, default=1, metavar="N", help="value inside, 1 to 65535 (1)")
    prompts = made.add_argument_group("prompts", "what marks the structure; at least one of them lies inside")
    add_prompts(prompts, "points or curves")
    outside = {"action": "append", "default": [], "metavar": "FILE"}
    prompts.add_argument("--negative", type=Path, **outside, help="points or curves outside (.mrk.json)")
    model = made.add_argument_group("model")
    model.add_argument(
        "--model",
        default=AUTO,
        help=f"name of the model ({AUTO}: {OWN_NETWORK}, or {WITHOUT_PACKAGES} without PyTorch)",
    )
    model.add_argument("--weights", type=optional_path, metavar="FILE", help="checkpoint of the model")
    model.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    settings = made.add_argument_group("settings")
    add_slices(settings)
    settings.add_argument(
        "--method", choices=get_args(Method), default="auto", help="for the whole structure: slice by slice or in 3D"
    )
    settings.add_argument("--fuseAxes", action="store_true", help="follow it through all three directions and average")
    add_result_settings(settings)
    made.add_argument("--returnparameterfile", type=optional_path, help=argparse.SUPPRESS)
    made.add_argument("--verbose", action="store_true", help="show where in the program an error arose")
    made.add_argument("--version", action="version", version=MedSegAICore.__version__)
    return made


def run(options: argparse.Namespace, cancel: CancelToken) -> None:
    """Read, segment and write; nothing is written unless everything before went well."""
    report_start(NAME, "Reading")
    check_output(options)
    image = read_image(options.image)
    if options.recipe:
        task, recipe = read_recipe_of(options.recipe, PromptTask)
    else:
        task, recipe = task_from_options(options, image), None
    weights = {task.model: options.weights} if options.weights else None
    engine = Engine(options.device, weights)
    result = engine.segment(SegmentationRequest(image, task), report_progress, cancel)
    if cancel.is_cancelled:
        message = "The run was cancelled."
        raise Cancelled(message)
    warnings = [*result.warnings, *(recipe_differences(recipe, result) if recipe else ())]
    write(options, result, warnings)
    for warning in warnings:
        say(f"Warning: {warning}")
    report_end(NAME, result.provenance.seconds)


def check_output(options: argparse.Namespace) -> None:
    """Raise `InvalidRequest` where the result could not be written, before time is spent on it."""
    check_label_value(options.labelValue)
    check_new_files((options.labels, options.recipeOutput), overwrite=True)


def task_from_options(options: argparse.Namespace, image: ImageVolume) -> PromptTask:
    """Return the task that the options describe."""
    prompts = prompts_inside(options, image)
    prompts += [prompt for file in options.negative for prompt in read_markups(file, positive=False)]
    across = VolumeScope(options.method, direction_of(options), range_of(options), options.fuseAxes)
    return PromptTask(
        prompts=tuple(prompts),
        model=named_prompt_model(options.model),
        scope=scope_of(options, across, prompts, image),
        window=window_of(options),
        threshold=options.threshold,
        clean_up=clean_up_of(options),
    )


def write(options: argparse.Namespace, result: SegmentationResult, warnings: Sequence[str]) -> None:
    """Write the recipe, the label map and the report to Slicer; each appears whole or not at all."""
    if options.recipeOutput:
        write_text(options.recipeOutput, Recipe.from_result(result).to_json())
    write_labels(options.labels, result.mask, options.labelValue)
    if options.returnparameterfile:
        write_text(options.returnparameterfile, report_text(result, warnings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], cancel_on_signal()))
