#!/usr/bin/env python-real
"""Segment the structure that points, curves and boxes mark in an image; a Slicer CLI that runs as plain Python too."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
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
    exit_code,
    joined,
    numbers,
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
from MedSegAICore.errors import Cancelled, GeometryMismatch, InvalidRequest
from MedSegAICore.geometry import Float64, canonical_geometry
from MedSegAICore.images import check_label_value, read_image, write_labels
from MedSegAICore.markups import read_markups, region_prompt
from MedSegAICore.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompt, ScribblePrompt, SlicePlane
from MedSegAICore.recipe import Recipe
from MedSegAICore.request import (
    CleanUp,
    Direction,
    IntensityWindow,
    Method,
    PromptTask,
    SegmentationRequest,
    SliceScope,
    VolumeScope,
)
from MedSegAICore.result import SegmentationResult
from MedSegAICore.volume import ImageVolume, VolumePatch

SLICES = {"axial": 0, "coronal": 1, "sagittal": 2}
"""Array axis of the canonical grid across which the slices of each direction lie."""

LISTS = ("--region", "--window", "--range")
"""Options that take a list of numbers."""

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
    many = {"action": "append", "default": [], "metavar": "FILE"}
    prompts.add_argument("--positive", type=Path, **many, help="points or curves inside (.mrk.json)")
    prompts.add_argument("--negative", type=Path, **many, help="points or curves outside (.mrk.json)")
    prompts.add_argument("--box", type=Path, **many, help="ROI or plane around the structure (.mrk.json)")
    region = {**many, "metavar": "X,Y,Z,RX,RY,RZ"}
    prompts.add_argument("--region", type=numbers, **region, help="centre and half edges of a box [mm], RAS world")
    prompts.add_argument("--mask", type=optional_path, metavar="FILE", help="label map: a first guess")
    prompts.add_argument(
        "--recipe", type=optional_path, metavar="FILE", help="recipe to run again (.json): all prompts and settings"
    )
    model = made.add_argument_group("model")
    model.add_argument("--model", default="adaptive", help="name of the model (adaptive, which needs no weights)")
    model.add_argument("--weights", type=optional_path, metavar="FILE", help="checkpoint of the model")
    model.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    settings = made.add_argument_group("settings")
    settings.add_argument("--scope", choices=("volume", *SLICES), default="volume", help="whole structure or one slice")
    settings.add_argument(
        "--method", choices=get_args(Method), default="auto", help="for the whole structure: slice by slice or in 3D"
    )
    settings.add_argument(
        "--direction", choices=("auto", *get_args(Direction)), default="auto", help="slices to follow it through"
    )
    settings.add_argument(
        "--range", type=numbers, metavar="X,Y,Z,X,Y,Z", help="positions on the first and the last slice [mm], RAS world"
    )
    settings.add_argument(
        "--rangePoints", type=optional_path, metavar="FILE", help="the same as two points or a line (.mrk.json)"
    )
    settings.add_argument("--fuseAxes", action="store_true", help="follow it through all three directions and average")
    settings.add_argument("--window", type=numbers, metavar="LOWER,UPPER", help="intensities shown as black and white")
    settings.add_argument("--threshold", type=float, default=0.5, metavar="P", help="probability to be inside (0.5)")
    settings.add_argument("--largestIsland", action="store_true", help="keep the largest connected part only")
    settings.add_argument("--fillHoles", action="store_true", help="fill enclosed holes")
    settings.add_argument("--smoothing", type=float, default=0.0, metavar="MM", help="smooth the surface (0)")
    settings.add_argument("--recipeOutput", type=optional_path, metavar="FILE", help="write the recipe of the result")
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
    for file in (options.labels, options.recipeOutput):
        if file and not file.absolute().parent.is_dir():
            message = f"There is no folder '{file.parent}'."
            raise InvalidRequest(message, "Choose an existing folder.")


def task_from_options(options: argparse.Namespace, image: ImageVolume) -> PromptTask:
    """Return the task that the options describe."""
    prompts = [prompt for file in options.positive for prompt in read_markups(file)]
    prompts += [prompt for file in options.box for prompt in read_markups(file)]
    prompts += [region_prompt(region) for region in options.region]
    if options.mask:
        prompts.append(MaskPrompt(read_mask(options.mask, image)))
    prompts += [prompt for file in options.negative for prompt in read_markups(file, positive=False)]
    return PromptTask(
        prompts=tuple(prompts),
        model=options.model,
        scope=scope(options, prompts, image),
        window=window(options.window),
        threshold=options.threshold,
        clean_up=CleanUp(options.largestIsland, options.fillHoles, options.smoothing),
    )


def read_mask(file: Path, image: ImageVolume) -> VolumePatch:
    """Return the label map of a file as a mask on the grid of the image."""
    labels = read_image(file)
    if not labels.geometry.matches(image.geometry):
        message = f"'{file.name}' lies on another grid than the image."
        raise GeometryMismatch(message)
    return VolumePatch.whole(labels.array != 0, image.geometry).tight()


def window(values: list[float] | None) -> IntensityWindow | None:
    """Return the window that two numbers give."""
    if not values:
        return None
    if len(values) != 2:
        message = f"A window needs two numbers, not {len(values)}."
        raise InvalidRequest(message, "Give the lower and the upper end, such as --window=-160,240.")
    return IntensityWindow(*values)


def scope(options: argparse.Namespace, prompts: Sequence[Prompt], image: ImageVolume) -> SliceScope | VolumeScope:
    """Return the scope that the options describe: the volume, or the image's slice on which the first prompt lies."""
    across = VolumeScope(
        method=options.method,
        direction=None if options.direction == "auto" else options.direction,
        range_ras=slice_range(options.range, options.rangePoints),
        fuse_axes=options.fuseAxes,
    )
    if options.scope not in SLICES:
        return across
    if across.method != "auto" or across.direction or across.range_ras is not None or across.fuse_axes:
        message = "A method, a direction, a range or fused axes are for the whole structure, not for one slice."
        raise InvalidRequest(message, "Choose the scope 'volume', or leave them out.")
    if not prompts:
        return across  # the engine says that prompts are missing
    grid = canonical_geometry(image.geometry)
    index = grid.voxels_at(anchor(prompts[0]))[0][SLICES[options.scope]]
    return SliceScope(SlicePlane.of_slice(grid, SLICES[options.scope], float(index)))


def slice_range(values: list[float] | None, file: Path | None) -> Float64 | None:
    """Return two positions (2, 3) [mm] on the first and the last slice, from six numbers or a markups file."""
    if not values and not file:
        return None
    if values and file:
        message = "A range was given twice, as numbers and as points."
        raise InvalidRequest(message, "Leave one of them out.")
    found = np.asarray(values, dtype=np.float64) if values else marked_positions(file)
    if found.size != 6:
        message = "A range needs two positions."
        raise InvalidRequest(message, "Give x,y,z of a position on the first slice and of one on the last.")
    return found.reshape(2, 3)


def marked_positions(file: Path) -> Float64:
    """Return the positions (n, 3) [mm] of the points and lines of a markups file."""
    prompts = read_markups(file)
    points = [prompt.position_ras[None] for prompt in prompts if isinstance(prompt, PointPrompt)]
    lines = [prompt.points_ras for prompt in prompts if isinstance(prompt, ScribblePrompt)]
    return np.concatenate([np.empty((0, 3)), *points, *lines])


def anchor(prompt: Prompt) -> Float64:
    """Return a position (3,) [mm] on a prompt."""
    if isinstance(prompt, PointPrompt):
        return prompt.position_ras
    if isinstance(prompt, BoxPrompt):
        return prompt.center_ras
    if isinstance(prompt, MaskPrompt):
        size = prompt.patch.array.shape[::-1]
        return prompt.patch.patch_geometry.to_ras([(length - 1) / 2 for length in size])[0]
    return prompt.points_ras[0]


def write(options: argparse.Namespace, result: SegmentationResult, warnings: Sequence[str]) -> None:
    """Write the recipe, the label map and the report to Slicer; each appears whole or not at all."""
    if options.recipeOutput:
        write_text(options.recipeOutput, Recipe.from_result(result).to_json())
    write_labels(options.labels, result.mask, options.labelValue)
    if options.returnparameterfile:
        write_text(options.returnparameterfile, report_text(result, warnings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], cancel_on_signal()))
