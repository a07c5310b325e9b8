"""Slices of the very image that is asked about: what was accepted on them stands, and tells of their neighbours.

How a mask was wrong on a slice is how it is likely to be wrong on the next one, as far as both look alike there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..engine.run import Run
from ..fewshot.registered.known_slices import KnownSlice
from ..geometry import VolumeGeometry
from ..volume import ImageVolume, VolumePatch
from .axes import axis_of
from .context_example import ContextExample
from .slice_cut import slice_image, usual_range

REACH = 0.15
"""How far a correction is told on, as a share of the width of the structure on its slice."""

ALIKE = 0.1
"""Difference of two intensities, as a share of their usual range, that makes a pixel half as telling or so."""

SMOOTHING = 1.0
"""Standard deviation of the neighbourhood whose intensities are compared [pixels]."""

Probabilities = dict[str, NDArray[np.float32]]
"""For each structure, of every voxel of a canonical volume (k, j, i)."""


@dataclass(frozen=True, eq=False)
class OwnSlice:
    """What is known of one slice of a canonical volume.

    Parameters
    ----------
    axis, place
        Which axis (k, j, i) it lies across, and which slice it is.
    masks
        bool (rows, columns) of the structures that are drawn on it; the others are not there.
    context
        The example that tells it.
    """

    axis: int
    place: int
    masks: Mapping[str, NDArray[np.bool_]]
    context: ContextExample

    def mask(self, label: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return where a structure is on the slice of a volume of a shape."""
        empty = np.zeros(np.delete(shape, self.axis), np.bool_)
        return self.masks.get(label, empty)

    def known(self, labels: Sequence[str], shape: tuple[int, ...]) -> KnownSlice:
        """Return the same as classes of some structures."""
        classes = np.zeros(np.delete(shape, self.axis), np.uint8)
        for value, label in enumerate(labels, start=1):
            classes[self.mask(label, shape)] = value
        return KnownSlice(self.axis, self.place, classes)


def own_slices(image: ImageVolume, contexts: Sequence[ContextExample]) -> tuple[OwnSlice, ...]:
    """Return the examples that are slices of an image, voxel by voxel; of two of one place the later one."""
    view = image.canonical()
    found = {}
    for context in contexts:
        axis = axis_of(context)
        cut = context.example.image.canonical()
        place = None if axis is None else _place_in(view.geometry, cut.geometry, axis)
        if axis is None or place is None or not np.array_equal(slice_image(view, axis, place).array, cut.array):
            continue
        masks = {
            label: mask.canonical().full().astype(np.bool_).squeeze(axis=axis)
            for label, mask in context.example.masks.items()
        }
        found[axis, place] = OwnSlice(axis, place, masks, context)
    return tuple(found.values())


def _place_in(view: VolumeGeometry, cut: VolumeGeometry, axis: int) -> int | None:
    """Return which slice of a grid another grid is; None if it is none."""
    offset = view.voxels_at(cut.to_ras([[0, 0, 0]]))[0]
    place = int(offset[axis])
    shape, start = list(view.shape), [0, 0, 0]
    shape[axis], start[axis] = 1, place
    if not 0 <= place < view.shape[axis] or tuple(shape) != cut.shape:
        return None
    grid = view.crop((start[0], start[1], start[2]), (shape[0], shape[1], shape[2]))
    return place if grid.matches(cut) else None


def with_own_slices(
    patches: Mapping[str, VolumePatch],
    image: ImageVolume,
    own: Sequence[OwnSlice],
    run: Run,
    asked: tuple[int, range] | None = None,
) -> dict[str, VolumePatch]:
    """Return probabilities that agree with what is known of the image.

    Parameters
    ----------
    patches
        What a model says, for each structure (k, j, i) in the storage order of the image.
    image, own
        The image, and what is known of it.
    run
        Cancel.
    asked
        Axis and slices that the model has looked at; None for all. Nothing else is changed.
    """
    view = image.canonical()
    inside = [one for one in own if asked is None or (one.axis == asked[0] and one.place in asked[1])]
    if not inside:
        return dict(patches)
    alike = _Likeness(view)
    found = {}
    for label, patch in patches.items():
        values = patch.canonical().full().astype(np.float32)
        for axis in sorted({one.axis for one in inside}):
            across = {one.place: one.mask(label, values.shape) for one in inside if one.axis == axis}
            _tell_on(values, axis, across, alike, asked, run)
        for one in inside:
            np.moveaxis(values, one.axis, 0)[one.place] = one.mask(label, values.shape)
        found[label] = VolumePatch.whole(values, view.geometry).tight().in_storage_order(image.geometry)
    return found


class _Likeness:
    """Tells where two slices of a canonical image look alike."""

    def __init__(self, view: ImageVolume) -> None:
        self._view, (lowest, highest) = view, usual_range(view.array)
        self._range = max(highest - lowest, float(np.finfo(np.float32).tiny))

    def spacing(self, axis: int) -> tuple[float, float]:
        """Return the distance of slices across an axis, and the mean one of their pixels [mm]."""
        spacing = self._view.geometry.spacing_kji
        return float(spacing[axis]), float(np.delete(spacing, axis).mean())

    def of(self, axis: int, one: int, other: int) -> NDArray[np.float32]:
        """Return how alike the pixels of two slices are (rows, columns), from 0 to 1."""
        slices = np.moveaxis(self._view.array, axis, 0)
        apart = (slices[one].astype(np.float32) - slices[other].astype(np.float32)) / np.float32(self._range)
        smooth = ndimage.gaussian_filter(apart, SMOOTHING)
        return np.asarray(np.exp(-0.5 * (smooth / ALIKE) ** 2), dtype=np.float32)


def _tell_on(
    values: NDArray[np.float32],
    axis: int,
    known: Mapping[int, NDArray[np.bool_]],
    alike: _Likeness,
    asked: tuple[int, range] | None,
    run: Run,
) -> None:
    """Correct the slices near the known ones in place, each by how the known ones were wrong."""
    slices = np.moveaxis(values, axis, 0)
    step, pixel = alike.spacing(axis)
    wrong = {place: mask - slices[place] for place, mask in known.items()}
    reach = {place: max(step, REACH * pixel * _width(mask)) for place, mask in known.items()}
    places = asked[1] if asked is not None else range(len(slices))
    for place in places:
        if place in known:
            continue
        run.check()
        total, correction = np.zeros(slices.shape[1:], np.float32), np.zeros(slices.shape[1:], np.float32)
        for at, error in wrong.items():
            weight = np.float32(np.exp(-0.5 * ((place - at) * step / reach[at]) ** 2))
            if weight > 0.01:
                here = weight * alike.of(axis, place, at)
                total += here
                correction += here * error
        if total.any():
            slices[place] = np.clip(slices[place] + correction / np.maximum(total, 1), 0, 1)


def _width(mask: NDArray[np.bool_]) -> float:
    """Return the width of a disc of as many pixels."""
    return float(np.sqrt(4 / np.pi * np.count_nonzero(mask)))
