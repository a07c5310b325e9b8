"""Prompts, slices, windows and clean-up, as command line modules that take prompts are told of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from .command_line import numbers, optional_path
from .errors import GeometryMismatch, InvalidRequest
from .geometry import Float64, canonical_geometry
from .images import read_image
from .markups import read_markups, region_prompt
from .prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompt, ScribblePrompt, SlicePlane
from .request import CleanUp, Direction, IntensityWindow, SliceScope, VolumeScope
from .volume import ImageVolume, VolumePatch

SLICES = {"axial": 0, "coronal": 1, "sagittal": 2}
"""Array axis of the canonical grid across which the slices of each direction lie."""

VOLUME, AUTO = "volume", "auto"

LISTS = ("--region", "--window", "--range")
"""Options that take a list of numbers."""


def add_prompts(prompts: argparse._ArgumentGroup, points: str) -> None:
    """Add the options that mark what lies inside; `points` says what their files hold."""
    many: dict[str, Any] = {"action": "append", "default": [], "metavar": "FILE"}
    prompts.add_argument("--positive", type=Path, **many, help=f"{points} inside (.mrk.json)")
    prompts.add_argument("--box", type=Path, **many, help="ROI or plane around the structure (.mrk.json)")
    region = {**many, "metavar": "X,Y,Z,RX,RY,RZ"}
    prompts.add_argument("--region", type=numbers, **region, help="centre and half edges of a box [mm], RAS world")
    prompts.add_argument("--mask", type=optional_path, metavar="FILE", help="label map: a first guess")
    prompts.add_argument(
        "--recipe", type=optional_path, metavar="FILE", help="recipe to run again (.json): all prompts and settings"
    )


def add_slices(settings: argparse._ArgumentGroup) -> None:
    """Add the options that say which slices are asked about."""
    settings.add_argument("--scope", choices=(VOLUME, *SLICES), default=VOLUME, help="whole structure or one slice")
    directions = (AUTO, *get_args(Direction))
    settings.add_argument("--direction", choices=directions, default=AUTO, help="slices to follow it through")
    settings.add_argument(
        "--range", type=numbers, metavar="X,Y,Z,X,Y,Z", help="positions on the first and the last slice [mm], RAS world"
    )
    settings.add_argument(
        "--rangePoints", type=optional_path, metavar="FILE", help="the same as two points or a line (.mrk.json)"
    )


def add_result_settings(settings: argparse._ArgumentGroup) -> None:
    """Add the options that say how the image is shown and how the result is made."""
    settings.add_argument("--window", type=numbers, metavar="LOWER,UPPER", help="intensities shown as black and white")
    settings.add_argument("--threshold", type=float, default=0.5, metavar="P", help="probability to be inside (0.5)")
    settings.add_argument("--largestIsland", action="store_true", help="keep the largest connected part only")
    settings.add_argument("--fillHoles", action="store_true", help="fill enclosed holes")
    settings.add_argument("--smoothing", type=float, default=0.0, metavar="MM", help="smooth the surface (0)")
    settings.add_argument("--recipeOutput", type=optional_path, metavar="FILE", help="write the recipe of the result")


def prompts_inside(options: argparse.Namespace, image: ImageVolume) -> list[Prompt]:
    """Return what the options of `add_prompts` mark, raising what the readers of their files raise."""
    prompts = [prompt for file in options.positive for prompt in read_markups(file)]
    prompts += [prompt for file in options.box for prompt in read_markups(file)]
    prompts += [region_prompt(region) for region in options.region]
    return [*prompts, *([MaskPrompt(read_mask(options.mask, image))] if options.mask else [])]


def read_mask(file: Path, image: ImageVolume) -> VolumePatch:
    """Return the label map of a file as a mask on the grid of the image.

    Raises
    ------
    GeometryMismatch
        It lies on another grid.
    """
    labels = read_image(file)
    if not labels.geometry.matches(image.geometry):
        message = f"'{file.name}' lies on another grid than the image."
        raise GeometryMismatch(message)
    return VolumePatch.whole(labels.array != 0, image.geometry).tight()


def window_of(options: argparse.Namespace) -> IntensityWindow | None:
    """Return the window that is asked for.

    Raises
    ------
    InvalidRequest
        There are not two numbers, or they are in the wrong order.
    """
    if not options.window:
        return None
    if len(options.window) != 2:
        message = f"A window needs two numbers, not {len(options.window)}."
        raise InvalidRequest(message, "Give the lower and the upper end, such as --window=-160,240.")
    return IntensityWindow(*options.window)


def clean_up_of(options: argparse.Namespace) -> CleanUp:
    """Return what is done to the finished mask."""
    return CleanUp(options.largestIsland, options.fillHoles, options.smoothing)


def direction_of(options: argparse.Namespace) -> Direction | None:
    """Return across which slices to go; None leaves it to the prompts."""
    chosen: Direction | None = None if options.direction == AUTO else options.direction
    return chosen


def scope_of(
    options: argparse.Namespace, across: VolumeScope, prompts: Sequence[Prompt], image: ImageVolume
) -> SliceScope | VolumeScope:
    """Return what is asked about: `across` the volume, or the image's slice on which the first prompt lies.

    Raises
    ------
    InvalidRequest
        One slice is asked for, and something that only a volume has.
    """
    if options.scope == VOLUME:
        return across
    if across.method != AUTO or across.direction or across.range_ras is not None or across.fuse_axes:
        message = "A method, a direction, a range or fused axes are for the whole structure, not for one slice."
        raise InvalidRequest(message, "Choose the scope 'volume', or leave them out.")
    if not prompts:
        return across  # the engine says that prompts are missing
    grid = canonical_geometry(image.geometry)
    index = grid.voxels_at(_anchor(prompts[0]))[0][SLICES[options.scope]]
    return SliceScope(SlicePlane.of_slice(grid, SLICES[options.scope], float(index)))


def range_of(options: argparse.Namespace) -> Float64 | None:
    """Return two positions (2, 3) [mm] on the first and the last slice, from six numbers or a markups file.

    Raises
    ------
    InvalidRequest
        There are not two positions, or they are given twice.
    """
    values, file = options.range, options.rangePoints
    if not values and not file:
        return None
    if values and file:
        message = "A range was given twice, as numbers and as points."
        raise InvalidRequest(message, "Leave one of them out.")
    found = np.asarray(values, dtype=np.float64) if values else _marked_positions(file)
    if found.size != 6:
        message = "A range needs two positions."
        raise InvalidRequest(message, "Give x,y,z of a position on the first slice and of one on the last.")
    return found.reshape(2, 3)


def _marked_positions(file: Path) -> Float64:
    """Return the positions (n, 3) [mm] of the points and lines of a markups file."""
    prompts = read_markups(file)
    points = [prompt.position_ras[None] for prompt in prompts if isinstance(prompt, PointPrompt)]
    lines = [prompt.points_ras for prompt in prompts if isinstance(prompt, ScribblePrompt)]
    return np.concatenate([np.empty((0, 3)), *points, *lines])


def _anchor(prompt: Prompt) -> Float64:
    """Return a position (3,) [mm] on a prompt."""
    if isinstance(prompt, PointPrompt):
        return prompt.position_ras
    if isinstance(prompt, BoxPrompt):
        return prompt.center_ras
    if isinstance(prompt, MaskPrompt):
        size = prompt.patch.array.shape[::-1]
        middles: Float64 = prompt.patch.patch_geometry.to_ras([(length - 1) / 2 for length in size])
        return np.asarray(middles[0], dtype=np.float64)
    return np.asarray(prompt.points_ras[0], dtype=np.float64)
