#!/usr/bin/env python-real
"""Segment the structure that points, curves and boxes mark in an image; a Slicer CLI that runs as plain Python too."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

try:
    import MedSegAICore
except ImportError:  # in the source tree, where nothing is installed
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import MedSegAICore

from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.errors import Cancelled, GeometryMismatch, InvalidRequest, MedSegAIError
from MedSegAICore.geometry import Float64, canonical_geometry
from MedSegAICore.images import check_label_value, read_image, whole_files, write_labels
from MedSegAICore.markups import read_markups, region_prompt
from MedSegAICore.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompt, SlicePlane
from MedSegAICore.recipe import Recipe, task_from_dict
from MedSegAICore.request import CleanUp, IntensityWindow, PromptTask, SegmentationRequest, SliceScope, VolumeScope
from MedSegAICore.result import SegmentationResult
from MedSegAICore.volume import ImageVolume, VolumePatch

SLICES = {"axial": 0, "coronal": 1, "sagittal": 2}
"""Array axis of the canonical grid across which the slices of each direction lie."""

NAME = "<filter-name>MedSegAI Prompt</filter-name>"

EXAMPLES = """examples:
  MedSegAIPrompt.py ct.nii.gz liver.nrrd --positive inside.mrk.json --negative outside.mrk.json
  MedSegAIPrompt.py ct.nii.gz liver.nrrd --box roi.mrk.json --largestIsland --recipeOutput liver.json
  MedSegAIPrompt.py ct.nii.gz again.nrrd --recipe liver.json

Points, curves, boxes and recipes are files as Slicer saves them. Not a medical device.
"""


def main(arguments: Sequence[str], cancel: CancelToken) -> int:
    """Run the command and return its exit code: 0, or 1 after one sentence on the standard error."""
    options = parser().parse_args(joined(arguments))
    try:
        run(options, cancel)
    except MedSegAIError as error:
        return fail(str(error), options.verbose)
    except Exception as error:  # noqa: BLE001  the last edge: whatever happens becomes one sentence
        happened = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
        advice = "Run it again with --verbose and report what it prints."
        return fail(f"Something unexpected happened ({happened}). {advice}", options.verbose)
    return 0


def cancel_on_signal() -> CancelToken:
    """Return a token that the signals to stop set: what runs ends at its next step and writes nothing."""
    cancel = CancelToken()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: cancel.cancel())
    return cancel


def fail(sentence: str, verbose: bool) -> int:
    """Say what went wrong and return the exit code."""
    if verbose:
        traceback.print_exc()
    print(sentence, file=sys.stderr, flush=True)
    return 1


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


def joined(arguments: Sequence[str]) -> list[str]:
    """Join each list of numbers that starts with a minus sign to its option, as argparse needs it."""
    found: list[str] = []
    for argument in arguments:
        if found and found[-1] in ("--region", "--window") and argument.startswith("-"):
            found[-1] += f"={argument}"
        else:
            found.append(argument)
    return found


def optional_path(text: str) -> Path | None:
    """Return a path; Slicer passes empty text for a file that is not chosen."""
    return Path(text) if text else None


def numbers(text: str) -> list[float]:
    """Return the numbers of a list that commas separate."""
    return [float(part) for part in text.split(",") if part]


def run(options: argparse.Namespace, cancel: CancelToken) -> None:
    """Read, segment and write; nothing is written unless everything before went well."""
    print(f"<filter-start>{NAME}<filter-comment>Reading</filter-comment></filter-start>", flush=True)
    check_output(options)
    image = read_image(options.image)
    recipe = read_recipe(options.recipe) if options.recipe else None
    task = recipe.task if isinstance(recipe, Recipe) else recipe or task_from_options(options, image)
    weights = {task.model: options.weights} if options.weights else None
    engine = Engine(options.device, weights)
    result = engine.segment(SegmentationRequest(image, task), report_progress, cancel)
    if cancel.is_cancelled:
        message = "The run was cancelled."
        raise Cancelled(message)
    warnings = [*result.warnings, *(differences(recipe, result) if isinstance(recipe, Recipe) else ())]
    write(options, result, warnings)
    for warning in warnings:
        print(f"Warning: {warning}")
    print(f"<filter-end>{NAME}<filter-time>{result.provenance.seconds:.2f}</filter-time></filter-end>", flush=True)


def check_output(options: argparse.Namespace) -> None:
    """Raise `InvalidRequest` where the result could not be written, before time is spent on it."""
    check_label_value(options.labelValue)
    for file in (options.labels, options.recipeOutput):
        if file and not file.absolute().parent.is_dir():
            message = f"There is no folder '{file.parent}'."
            raise InvalidRequest(message, "Choose an existing folder.")


def report_progress(fraction: float, message: str) -> None:
    """Print progress in the form that Slicer reads."""
    comment = f"<filter-comment>{escape(message)}</filter-comment>" if message else ""
    print(f"<filter-progress>{fraction:.3f}</filter-progress>{comment}", flush=True)


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
        scope=scope(options.scope, prompts, image),
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


def scope(name: str, prompts: Sequence[Prompt], image: ImageVolume) -> SliceScope | VolumeScope:
    """Return the scope of a name: the volume, or the slice of the image on which the first prompt lies."""
    if name not in SLICES or not prompts:
        return VolumeScope()
    grid = canonical_geometry(image.geometry)
    index = grid.voxels_at(anchor(prompts[0]))[0][SLICES[name]]
    return SliceScope(SlicePlane.of_slice(grid, SLICES[name], float(index)))


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


def read_recipe(file: Path) -> Recipe | PromptTask:
    """Return what a JSON file holds: the recipe of a result, or a task alone."""
    try:
        text = file.read_text(encoding="utf-8")
        values = json.loads(text)
    except (OSError, ValueError) as error:
        message = f"The recipe '{file}' cannot be read ({error})."
        raise InvalidRequest(message, "Choose a recipe that MedSegAI has written.") from error
    return task_from_dict(values) if isinstance(values, dict) and "kind" in values else Recipe.from_json(text)


def differences(recipe: Recipe, result: SegmentationResult) -> list[str]:
    """Say why a result may differ from the one that the recipe was written for."""
    made = result.provenance
    found = []
    if recipe.image_fingerprint != made.image_fingerprint:
        found.append("The recipe was made on another image.")
    if recipe.weights_hash != made.weights_hash:
        found.append("The recipe was made with other weights.")
    changed = [name for name, version in recipe.versions.items() if made.versions.get(name, version) != version]
    if changed:
        found.append(f"The recipe was made with other versions of: {', '.join(changed)}.")
    if (recipe.device, recipe.threads) != (made.device, made.threads):
        found.append("The recipe was made on another device or with another number of threads.")
    return found


def write(options: argparse.Namespace, result: SegmentationResult, warnings: Sequence[str]) -> None:
    """Write the recipe, the label map and the report to Slicer; each appears whole or not at all."""
    if options.recipeOutput:
        write_text(options.recipeOutput, Recipe.from_result(result).to_json())
    write_labels(options.labels, result.mask, options.labelValue)
    if options.returnparameterfile:
        write_text(options.returnparameterfile, report_text(int(result.mask.array.sum()), warnings))


def report_text(voxels: int, warnings: Sequence[str]) -> str:
    """Return the values that come back to Slicer, one on each line."""
    return f"voxels = {voxels}\nwarnings = {' '.join(warnings)}\n"


def write_text(file: Path, text: str) -> None:
    """Write a text file so that it appears whole or not at all."""
    try:
        with whole_files(file) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"The file '{file}' cannot be written ({error.strerror})."
        raise InvalidRequest(message, "Choose another folder.") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], cancel_on_signal()))
