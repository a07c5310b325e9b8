"""A predicted and a true mask of one structure, cut down to the voxels that matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import hypot, prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ...errors import GeometryMismatch, InvalidImage, InvalidRequest
from ...volume import Bounds, ImageVolume, nonzero_bounds

if TYPE_CHECKING:
    from .surfaces import SurfaceDistances

Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class MaskPair:
    """Prediction and truth of one structure in one image.

    Parameters
    ----------
    prediction, truth
        Masks (k, j, i) bool, cropped to the box around both; no voxels at all if both are empty.
    spacing_kji
        Distance between voxels along (k, j, i) [mm]; None where the image has none, and every length is in pixels.
    extent
        Diagonal of the whole image [mm, or pixels without spacing]: the distance of a structure that was missed.
    flat_axis
        Axis along which the whole image is one slice deep: the structure then has a contour instead of a surface.
    """

    prediction: Mask
    truth: Mask
    spacing_kji: Spacing | None
    extent: float
    flat_axis: int | None = None

    @classmethod
    def of(cls, prediction: ArrayLike, truth: ArrayLike, spacing_kji: ArrayLike | None) -> MaskPair:
        """Return the pair of two masks of a whole image.

        Parameters
        ----------
        prediction, truth
            Masks (k, j, i), or (j, i) for one slice; everything that is not 0 is inside.
        spacing_kji
            Distance between voxels along (k, j, i) [mm], or None.

        Raises
        ------
        GeometryMismatch
            The masks differ in shape.
        """
        masks = [_as_volume(np.asarray(mask)) for mask in (prediction, truth)]
        if masks[0].shape != masks[1].shape:
            message = f"The prediction has the shape {masks[0].shape}, the reference {masks[1].shape}."
            raise GeometryMismatch(message, RESAMPLE)
        spacing = None if spacing_kji is None else _three_lengths(spacing_kji)
        bounds = _union(*(nonzero_bounds(mask) for mask in masks))
        return _pair(masks[0][bounds] != 0, masks[1][bounds] != 0, masks[0].shape, spacing)

    @cached_property
    def sizes(self) -> tuple[int, int, int]:
        """Number of voxels in the prediction, in the truth and in both."""
        both = int(np.count_nonzero(self.prediction & self.truth))
        return int(np.count_nonzero(self.prediction)), int(np.count_nonzero(self.truth)), both

    @property
    def is_empty(self) -> bool:
        """Tell whether there is neither a prediction nor a truth."""
        return self.sizes[:2] == (0, 0)

    @property
    def has_one_empty_side(self) -> bool:
        """Tell whether the structure was missed as a whole, or found where there is none."""
        predicted, true, _ = self.sizes
        return (predicted == 0) != (true == 0)

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel [ml], or 1 [pixels] without spacing."""
        return 1.0 if self.spacing_kji is None else prod(self.spacing_kji) / 1000.0

    @cached_property
    def surface_distances(self) -> SurfaceDistances:
        """How far the two surfaces lie from each other; computed once for all metrics that need it."""
        from .surfaces import surface_distances_between

        axes = [axis for axis in range(3) if axis != self.flat_axis]
        flat = () if self.flat_axis is None else self.flat_axis
        spacing = self.spacing_kji or (1.0, 1.0, 1.0)
        prediction, truth = (mask.squeeze(flat) for mask in (self.prediction, self.truth))
        return surface_distances_between(prediction, truth, [spacing[axis] for axis in axes])


RESAMPLE = "Resample the prediction onto the grid of the reference (nearest neighbor), then try again."


def pairs_of(
    prediction: ImageVolume, truth: ImageVolume, labels: Mapping[str, int], *, has_spacing: bool = True
) -> Iterator[tuple[str, MaskPair]]:
    """Yield name and pair of every label, in the order of `labels`; also of those that appear nowhere.

    Parameters
    ----------
    prediction, truth
        Label maps on one grid, whole numbers (k, j, i).
    labels
        Name and value (>= 1) of the structures; other values in the label maps are ignored.
    has_spacing
        False if the images say nothing about their spacing, and lengths are in pixels.

    Raises
    ------
    GeometryMismatch
        The label maps lie on different grids.
    InvalidImage
        A label map holds values that are not whole numbers.
    InvalidRequest
        The value of a label is below 1.
    """
    _check_grids(prediction, truth, has_spacing)
    wrong = [name for name, value in labels.items() if value < 1]
    if wrong:
        message = f"The label '{wrong[0]}' has the value {labels[wrong[0]]}, which is the background."
        raise InvalidRequest(message, "Give every label a whole number from 1 on.")
    maps = [_whole_numbers(volume.array) for volume in (prediction, truth)]
    boxes = [_boxes(array, max(labels.values(), default=1)) for array in maps]
    spacing = _three_lengths(truth.geometry.spacing_kji) if has_spacing else None
    for name, value in labels.items():
        bounds = _union(*(box.get(value) for box in boxes))
        predicted, true = (array[bounds] == value for array in maps)
        yield name, _pair(predicted, true, truth.geometry.shape, spacing)


def _check_grids(prediction: ImageVolume, truth: ImageVolume, has_spacing: bool) -> None:
    ours, theirs = prediction.geometry, truth.geometry
    if ours.shape != theirs.shape:
        message = f"The prediction has {ours.shape} voxels along (k, j, i), the reference {theirs.shape}."
        raise GeometryMismatch(message, RESAMPLE)
    if has_spacing and not theirs.matches(ours):
        message = "The prediction and the reference have the same size, but do not lie at the same place."
        raise GeometryMismatch(message, RESAMPLE)


def _as_volume(mask: NDArray[Any]) -> NDArray[Any]:
    if mask.ndim not in (2, 3):
        message = f"A mask has two or three dimensions, not {mask.ndim}."
        raise GeometryMismatch(message, "Compare one structure of one image at a time.")
    return mask if mask.ndim == 3 else mask[None]


def _three_lengths(spacing_kji: ArrayLike) -> Spacing:
    lengths = np.asarray(spacing_kji, dtype=np.float64)
    if lengths.shape != (3,) or not np.isfinite(lengths).all() or not (lengths > 0).all():
        message = f"The spacing of an image is three lengths above 0, not {lengths.tolist()}."
        raise InvalidRequest(message, "Give the spacing along (k, j, i) in mm, or none at all.")
    return float(lengths[0]), float(lengths[1]), float(lengths[2])


def _pair(prediction: Mask, truth: Mask, whole: tuple[int, ...], spacing: Spacing | None) -> MaskPair:
    """Return the pair of two cropped masks of an image of the shape `whole`."""
    flat = [axis for axis in range(3) if whole[axis] == 1]
    lengths = [n * mm for n, mm in zip(whole, spacing or (1.0, 1.0, 1.0), strict=True) if n > 1]
    return MaskPair(prediction, truth, spacing, hypot(*lengths), flat[0] if len(flat) == 1 else None)


def _union(*boxes: Bounds | None) -> Bounds:
    """Return the box around all `boxes`, without a voxel if there is none."""
    known = [box for box in boxes if box is not None]
    if not known:
        return slice(0, 0), slice(0, 0), slice(0, 0)
    k, j, i = (slice(min(box[axis].start for box in known), max(box[axis].stop for box in known)) for axis in range(3))
    return k, j, i


def _whole_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Return a label map as integers that can be compared and searched."""
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    if array.dtype.kind == "f":
        labels = array.astype(np.int32)
        if not np.array_equal(labels, array):
            message = "The label map holds values that are not whole numbers."
            raise InvalidImage(message, "Choose a label map; turn a probability into one with a threshold first.")
        return labels
    return array


def _boxes(labels: NDArray[Any], highest: int) -> dict[int, Bounds]:
    """Return the box around every label up to `highest` that appears, found in one pass."""
    found = ndimage.find_objects(labels, max_label=max(1, min(highest, int(labels.max()))))
    return {value: box for value, box in enumerate(found, start=1) if box is not None}
