#!/usr/bin/env python-real
"""Draw several plausible masks of a structure, and their consensus; a Slicer CLI that runs as plain Python too."""

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

from MedSegAICore.candidates import with_structures
from MedSegAICore.command_line import (
    cancel_on_signal,
    check_new_files,
    check_segmentation_name,
    exit_code,
    joined,
    optional_path,
    read_recipe_of,
    recipe_differences,
    refuse,
    report_end,
    report_progress,
    report_start,
    report_text,
    say,
    write_text,
)
from MedSegAICore.consensus import volume_interval
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.fewshot.result_files import write_segments
from MedSegAICore.images import check_label_value, image_from_array, read_image, write_image, write_labels
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
from MedSegAICore.request import (
    Combination,
    DiffusionTask,
    SamplingOptions,
    SegmentationRequest,
    Solver,
    Uncertainty,
    VolumeScope,
)
from MedSegAICore.result import SegmentationResult
from MedSegAICore.volume import ImageVolume, VolumePatch

NAME = "MedSegAI Diffusion"

EXAMPLES = """examples:
  MedSegAIDiffusion.py ct.nii.gz --box nodule.mrk.json --labelMap nodule.nii.gz --uncertainty doubt.nii.gz
  MedSegAIDiffusion.py ct.nii.gz --box nodule.mrk.json --samples 16 --candidates --segmentation nodule.seg.nrrd
  MedSegAIDiffusion.py ct.nii.gz --mask guess.nii.gz --labelMap nodule.nii.gz --recipeOutput nodule.json
  MedSegAIDiffusion.py ct.nii.gz --recipe nodule.json --labelMap again.nii.gz

Boxes, points and recipes are files as Slicer saves them. Not a medical device.
"""


def main(arguments: Sequence[str], cancel: CancelToken) -> int:
    """Run the command and return its exit code: 0, or 1 after one sentence on the standard error."""
    options = parser().parse_args(joined(arguments, LISTS))
    return exit_code(lambda: run(options, cancel), verbose=options.verbose)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; the XML beside this file describes the same to Slicer."""
    made = argparse.ArgumentParser(
        prog="MedSegAIDiffusion",
        description="Draw several plausible masks of a structure, and their consensus.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    file = {"type": optional_path, "metavar": "FILE"}
    made.add_argument("image", type=Path, help="image to segment, in any format that ITK reads")
    results = made.add_argument_group("results, at least one of the first four")
    results.add_argument("--labelMap", **file, help="label map of the consensus to write")
    results.add_argument("--segmentation", **file, help="segmentation to write (.seg.nrrd)")
    results.add_argument("--uncertainty", **file, help="image to write: where the masks disagree, from 0 to 1")
    results.add_argument("--probability", **file, help="image to write: how probable the inside is, from 0 to 1")
    results.add_argument("--candidates", action="store_true", help="all masks as further segments of the segmentation")
    results.add_argument("--name", default="segment", help="what the segment is called (segment)")
    results.add_argument("--labelValue", type=int, default=1, metavar="N", help="value in the label map (1)")
    results.add_argument("--overwrite", action="store_true", help="replace results that are there")
    add_prompts(made.add_argument_group("prompts", "around what, or where, the structure is"), "points")
    model = made.add_argument_group("model")
    model.add_argument("--model", default=DiffusionTask.model, help=f"name of the model ({DiffusionTask.model})")
    model.add_argument("--weights", **file, help="checkpoint of the model")
    model.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    _add_sampling(made.add_argument_group("sampling"))
    settings = made.add_argument_group("settings")
    add_slices(settings)
    add_result_settings(settings)
    made.add_argument("--returnparameterfile", type=optional_path, help=argparse.SUPPRESS)
    made.add_argument("--verbose", action="store_true", help="show where in the program an error arose")
    made.add_argument("--version", action="version", version=MedSegAICore.__version__)
    return made


def _add_sampling(sampling: argparse._ArgumentGroup) -> None:
    usual = SamplingOptions()
    sampling.add_argument("--samples", type=int, default=usual.samples, metavar="N", help="masks that are drawn (8)")
    sampling.add_argument("--steps", type=int, default=usual.steps, metavar="N", help="steps from noise to mask (10)")
    sampling.add_argument("--seed", type=int, default=usual.seed, metavar="N", help="of the noise (0)")
    sampling.add_argument("--solver", choices=get_args(Solver), default=usual.solver, help="of the steps (ddim)")
    sampling.add_argument(
        "--guidance", type=float, default=usual.guidance, metavar="W", help="how much more the image counts (1)"
    )
    sampling.add_argument(
        "--combine", choices=get_args(Combination), default=usual.combine, help="what becomes of the masks (staple)"
    )
    sampling.add_argument(
        "--measure", choices=get_args(Uncertainty), default=usual.uncertainty, help="of the uncertainty (entropy)"
    )


def run(options: argparse.Namespace, cancel: CancelToken) -> None:
    """Read, say how long it takes, draw and write; nothing is written unless everything before went well."""
    report_start(NAME, "Reading")
    check_options(options)
    image = read_image(options.image)
    task, recipe = task_of(options, image)
    request, whole = SegmentationRequest(image, task), Run(report_progress, cancel)
    engine = Engine(options.device, {task.model: options.weights} if options.weights else None)
    predicted = engine.predicted_seconds(request, cancel)
    words = f"About {predicted:.2g} s for {task.options.samples} masks in {task.options.steps} steps"
    say(f"{words}.")
    whole.step(0.0, words)
    result = engine.segment(request, whole.progress, cancel)
    whole.check()
    warnings = [*result.warnings, *(recipe_differences(recipe, result) if recipe else ())]
    write_results(options, result)
    tell(options, result, predicted, warnings)
    report_end(NAME, result.provenance.seconds)


def check_options(options: argparse.Namespace) -> None:
    """Raise `InvalidRequest` where a result could not be written, before time is spent on it."""
    check_label_value(options.labelValue)
    check_segmentation_name(options.segmentation)
    results = (options.labelMap, options.segmentation, options.uncertainty, options.probability)
    if not any(results):
        refuse("It is not clear where the result goes.", "Give --labelMap, --segmentation or --uncertainty.")
    if options.candidates and not options.segmentation:
        refuse("A label map cannot hold masks that overlap.", "Give --segmentation for the candidates.")
    check_new_files((*results, options.recipeOutput), overwrite=options.overwrite)


def task_of(options: argparse.Namespace, image: ImageVolume) -> tuple[DiffusionTask, Recipe | None]:
    """Return what is asked, and the recipe that is run again, if there is one."""
    if options.recipe:
        return read_recipe_of(options.recipe, DiffusionTask)
    prompts = prompts_inside(options, image)
    across = VolumeScope(direction=direction_of(options), range_ras=range_of(options))
    drawing = (options.samples, options.steps, options.seed, options.solver, options.guidance)
    return DiffusionTask(
        prompts=tuple(prompts),
        model=options.model,
        scope=scope_of(options, across, prompts, image),
        window=window_of(options),
        options=SamplingOptions(*drawing, options.combine, options.measure),
        threshold=options.threshold,
        clean_up=clean_up_of(options),
    ), None


def write_results(options: argparse.Namespace, result: SegmentationResult) -> None:
    """Write the files of the result; each appears whole or not at all."""
    if options.recipeOutput:
        write_text(options.recipeOutput, Recipe.from_result(result).to_json())
    if options.uncertainty and result.uncertainty is not None:
        write_patch(options.uncertainty, result.uncertainty)
    if options.probability:
        write_patch(options.probability, result.probability)
    if options.segmentation:
        write_segments(options.segmentation, with_structures(result, options.name, candidates=options.candidates), {})
    if options.labelMap:
        write_labels(options.labelMap, result.mask, options.labelValue)


def write_patch(file: Path, patch: VolumePatch) -> None:
    """Write numbers as an image on the grid of their volume."""
    write_image(file, image_from_array(patch.full().astype(np.float32), patch.geometry))


def tell(options: argparse.Namespace, result: SegmentationResult, predicted: float, warnings: Sequence[str]) -> None:
    """Print what was found, and write it for Slicer."""
    low, high = volume_interval(result.candidates)
    fields = {"volumeLowMl": f"{low:.6g}", "volumeHighMl": f"{high:.6g}", "predictedSeconds": f"{predicted:.3f}"}
    if options.returnparameterfile:
        write_text(options.returnparameterfile, report_text(result, warnings, fields))
    say(f"Nine of ten masks have {low:.4g} to {high:.4g} ml. Not a medical device.")
    for warning in warnings:
        say(f"Warning: {warning}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], cancel_on_signal()))
