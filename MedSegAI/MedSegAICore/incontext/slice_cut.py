"""Cutting one slice out of an image, with what is drawn on it: no network is needed for that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidImage, InvalidRequest, InvalidSupport
from ..fewshot.examples import Example
from ..geometry import VolumeGeometry, canonical_geometry
from ..prompts import SlicePlane
from ..request import IntensityWindow
from ..volume import ImageVolume, VolumePatch
from .context_example import ContextExample

PARALLEL = 0.99
"""Cosine between a plane's normal and an axis from which the plane is a slice (8 degrees)."""

PERCENTILES = (0.5, 99.5)
"""Intensities that become 0 and 1, so that a few bright voxels do not make all others dark."""

_SAMPLES = 1 << 18


def flat_axis(geometry: VolumeGeometry) -> int | None:
    """Return the axis (k, j, i) that a canonical slice has one voxel of; None for a volume.

    Raises
    ------
    InvalidImage
        It is a line or a point.
    """
    flat = [axis for axis, length in enumerate(geometry.shape) if length == 1]
    if len(flat) > 1:
        message = f"The image has {' x '.join(map(str, geometry.shape[::-1]))} voxels and is no slice."
        raise InvalidImage(message, "Choose a slice or a volume.")
    return flat[0] if flat else None


def usual_range(array: NDArray[Any]) -> tuple[float, float]:
    """Return the intensities of a canonical volume that become 0 and 1."""
    step = max(1, round((array.size / _SAMPLES) ** (1 / 3)))
    lowest, highest = np.percentile(array[::step, ::step, ::step], PERCENTILES).tolist()
    if highest <= lowest:
        lowest, highest = float(array.min()), float(array.max())
    return lowest, highest


def place_of(plane: SlicePlane, view: VolumeGeometry) -> tuple[int, int]:
    """Return the axis (k, j, i) that a plane lies across in a canonical volume, and the number of its slice.

    Raises
    ------
    InvalidRequest
        The plane does not lie along an axis of the volume, or outside of it.
    """
    cosines = np.abs(view.axes_ras[:, ::-1].T @ plane.normal_ras)
    if cosines.max() < PARALLEL:
        message = "The slice does not lie along an axis of the volume."
        raise InvalidRequest(message, "Rotate the slice view to the volume's axes (in Slicer: Rotate to volume plane).")
    axis = int(cosines.argmax())
    place = int(view.voxels_at(plane.origin_ras)[0, axis]) if view.shape[axis] > 1 else 0
    if not 0 <= place < view.shape[axis]:
        message = "The slice lies outside the volume."
        raise InvalidRequest(message, "Choose a slice of the volume.")
    return axis, place


def slice_image(view: ImageVolume, axis: int, place: int) -> ImageVolume:
    """Return one slice of a canonical image as an image."""
    offset, shape = [0, 0, 0], list(view.geometry.shape)
    offset[axis], shape[axis] = place, 1
    grid = view.geometry.crop((offset[0], offset[1], offset[2]), (shape[0], shape[1], shape[2]))
    cut = np.moveaxis(view.array, axis, 0)[place : place + 1]
    return ImageVolume(np.moveaxis(cut, 0, axis), grid)


def slice_region(geometry: VolumeGeometry, plane: SlicePlane) -> VolumePatch:
    """Return the slice of a volume that a plane lies on, as a mask that is true everywhere on it.

    Raises
    ------
    InvalidRequest
        As for `place_of`.
    """
    view = canonical_geometry(geometry)
    axis, place = place_of(plane, view)
    offset, shape = [0, 0, 0], list(view.shape)
    offset[axis], shape[axis] = place, 1
    return VolumePatch(np.ones(shape, dtype=bool), (offset[0], offset[1], offset[2]), view).in_storage_order(geometry)


def slice_axis(geometry: VolumeGeometry, plane: SlicePlane) -> int:
    """Return the axis (k, j, i) of a volume as it is stored that a plane lies across; raises as `place_of`."""
    axis, _place = place_of(plane, canonical_geometry(geometry))
    return geometry.canonical_axes[0][axis]


def slice_of(context: ContextExample, plane: SlicePlane) -> ContextExample:
    """Return the slice of an example that a plane lies on, which remembers where in its volume it was.

    Raises
    ------
    InvalidRequest
        As for `place_of`.
    InvalidSupport
        Nothing is drawn on it.
    """
    example = context.example
    view = example.image.canonical()
    axis, place = place_of(plane, view.geometry)
    if view.geometry.shape[axis] == 1:
        return context
    image = slice_image(view, axis, place)
    cuts = {label: _cut(mask, axis, place, image.geometry) for label, mask in example.masks.items()}
    drawn = {label: mask for label, mask in cuts.items() if mask.array.any()}
    if not drawn:
        message = f"Nothing of {', '.join(example.masks)} is drawn on this slice."
        raise InvalidSupport(message, "Draw it there first, or go to a slice that shows it.")
    lowest, highest = usual_range(view.array)
    return replace(
        context,
        example=Example(image, drawn, example.name),
        position=(place + 0.5) / view.geometry.shape[axis],
        window=IntensityWindow(lowest, highest) if lowest < highest else None,
    )


def _cut(mask: VolumePatch, axis: int, place: int, grid: VolumeGeometry) -> VolumePatch:
    canonical = mask.canonical()
    bounds = [slice(0, length) for length in canonical.geometry.shape]
    bounds[axis] = slice(place, place + 1)
    return VolumePatch.whole(canonical.within((bounds[0], bounds[1], bounds[2])), grid)
