"""Slices of images along the axes of the body, on one scale of intensities."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidRequest, InvalidSupport
from ..fewshot.slices import SliceStack
from ..geometry import VolumeGeometry, canonical_geometry
from ..request import IntensityWindow, SliceScope
from ..volume import ImageVolume
from .context_example import ContextExample
from .question import Question
from .slice_cut import flat_axis, place_of, usual_range

DIRECTIONS = ("axial", "coronal", "sagittal")
"""Slices along axes k, j and i of a canonical volume."""

CLEARLY_COARSER = 1.5
"""Slices are best across the axis whose voxels are longer by this factor than the shortest."""


def axis_of(context: ContextExample) -> int | None:
    """Return the axis that an example is a slice of; None for a volume."""
    return flat_axis(canonical_geometry(context.example.image.geometry))


def axes_for(question: Question) -> tuple[int, ...]:
    """Return the axes (k, j, i) across whose slices the image is looked at, the best one first.

    One slice has its own. In a volume the user's choice comes first, then that of the most examples that are slices,
    then the one with the longest voxels, then the axial one. Further axes follow only where axes are fused and there
    are examples for them.

    Raises
    ------
    InvalidRequest
        The slice that is asked for does not lie along an axis of the volume.
    InvalidSupport
        No example can be cut like that.
    """
    view = question.image.canonical().geometry
    usable = [axis_of(context) for context in question.contexts]
    own, scope = flat_axis(view), question.scope
    if own is not None:
        wanted = [own]
    elif isinstance(scope, SliceScope):
        wanted = [place_of(scope.plane, view)[0]]
    else:
        first = DIRECTIONS.index(scope.direction) if scope.direction else _best_axis(view, usable)
        others = [axis for axis in range(3) if axis != first] if scope.fuse_axes else []
        wanted = [first, *others]
    found = tuple(axis for axis in wanted if any(of_example in (None, axis) for of_example in usable))
    if not found:
        message = f"No example shows {DIRECTIONS[wanted[0]]} slices."
        raise InvalidSupport(message, "Add an example with such a slice, or a volume.")
    return found


def _best_axis(view: VolumeGeometry, usable: list[int | None]) -> int:
    slices = [axis for axis in usable if axis is not None]
    if slices:
        return max(sorted(set(slices)), key=slices.count)
    spacing = view.spacing_kji
    return int(np.argmax(spacing)) if spacing.max() > CLEARLY_COARSER * spacing.min() else 0


def places_for(question: Question, axis: int) -> range:
    """Return which slices across an axis are asked for.

    Raises
    ------
    InvalidRequest
        They lie outside the volume.
    """
    view, scope = question.image.canonical().geometry, question.scope
    count = view.shape[axis]
    if isinstance(scope, SliceScope):
        place = place_of(scope.plane, view)[1] if count > 1 else 0
        ends = (place, place)
    elif scope.range_ras is not None:
        places = np.clip(view.voxels_at(scope.range_ras)[:, axis], 0, count - 1)
        ends = (int(places.min()), int(places.max()))
    else:
        ends = (0, count - 1)
    if not 0 <= ends[0] <= ends[1] < count:
        message = "The slice lies outside the volume."
        raise InvalidRequest(message, "Choose a slice of the volume.")
    return range(ends[0], ends[1] + 1)


def stack_across(image: ImageVolume, axis: int, window: IntensityWindow | None) -> SliceStack:
    """Return the slices of an image across an axis of its canonical view; a window replaces its own intensities."""
    view = image.canonical()
    lowest, highest = (window.lower, window.upper) if window else usual_range(view.array)
    rows, columns = np.delete(view.geometry.spacing_kji, axis).tolist()
    array = np.moveaxis(view.array, axis, 0)
    return SliceStack(array, axis, float(lowest), float(highest), (rows, columns), array.shape[0] == 1)
