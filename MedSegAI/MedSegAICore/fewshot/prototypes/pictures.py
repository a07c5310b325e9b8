"""A volume as the slices that an encoder looks at, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from torch import Tensor

from ...engine.run import Run
from ...errors import InvalidImage
from ...prompt.window import automatic_window
from ...volume import ImageVolume
from ..examples import Example
from ..registered.grids import (
    Float32,
    as_itk,
    empty_grid,
    extent_of,
    flat_axis,
    on_spacing,
    resampled,
    smoothed_for,
    unit_scaled,
)
from .encoders import SliceEncoder

ABOUT_EQUAL = 0.9
"""Axial slices are taken unless another axis has slices that are thicker by more than this."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """The slices of an image.

    Parameters
    ----------
    image
        The canonical view, float32: what is shown as black and white is 0 and 1. A plane if the image is one slice.
    axis
        Array axis of the canonical volume across the slices; None for a plane.
    key
        Identifies the image as it is cut here.
    """

    image: sitk.Image
    axis: int | None
    key: str

    @property
    def count(self) -> int:
        """Return the number of slices."""
        return 1 if self.axis is None else int(self.image.GetSize()[2 - self.axis])

    @property
    def shape(self) -> tuple[int, int]:
        """Return (rows, columns) of a slice."""
        rows, columns = _within(self.image.GetSize()[::-1], self.axis)
        return int(rows), int(columns)

    @property
    def spacing(self) -> tuple[float, float]:
        """Return the distance between (rows, columns) [mm]."""
        row, column = _within(self.image.GetSpacing()[::-1], self.axis)
        return float(row), float(column)

    def picture(self, index: int) -> Float32:
        """Return the intensities (rows, columns) of a slice."""
        return np.ascontiguousarray(as_slices(sitk.GetArrayViewFromImage(self.image), self.axis)[index])

    def slice_key(self, index: int) -> str:
        """Return what identifies a slice."""
        return f"{self.key} slice {index}"

    def embed(self, index: int, encoder: SliceEncoder, run: Run) -> Tensor:
        """Return the features (channels, h, w) of a slice."""
        return encoder.embed(self.picture(index), self.spacing, self.slice_key(index), run)

    def grid(self, size: tuple[int, int]) -> sitk.Image:
        """Return the grid of all slices with another number of (rows, columns), over the same box."""
        shape = list(size) if self.axis is None else list(np.insert(size, self.axis, self.count))
        extent = extent_of(self.image)
        return empty_grid(self.image, [-0.5] * self.image.GetDimension(), extent, extent / np.array(shape[::-1]))


def pictures_of(
    image: ImageVolume, axis: int | None, spacing: float, most_pixels: int, run: Run | None = None
) -> Pictures:
    """Return the slices of an image.

    Parameters
    ----------
    image
        The image.
    axis
        Array axis of its canonical view across the slices; None if it is one slice.
    spacing
        Finest distance between rows and columns [mm].
    most_pixels
        Slices with more pixels are made coarser.
    run
        Cancel.

    Raises
    ------
    Cancelled
        The run was stopped.
    """
    view = image.canonical()
    window = automatic_window(view)
    shown = as_itk(unit_scaled(view.array, window.lower, window.upper, run), view.geometry)
    within = spacing_within(shown, axis, spacing, most_pixels)
    key = f"{view.fingerprint} across {axis} at {within.tolist()}"
    return Pictures(on_spacing(shown, within, run), axis, key)


def require_contrast(image: ImageVolume) -> None:
    """Raise `InvalidImage` if all voxels are alike."""
    if image.array.min() == image.array.max():
        message = f"The image is {image.array.flat[0]} everywhere, so there is nothing to compare."
        raise InvalidImage(message)


def spacing_within(image: sitk.Image, axis: int | None, spacing: float, most_pixels: int) -> NDArray[np.float64]:
    """Return the spacing (i, j, k) of slices that are neither finer than `spacing` nor larger than `most_pixels`."""
    native = np.array(image.GetSpacing())
    sides = np.array(_within(extent_of(image)[::-1], axis))
    coarsest = max(spacing, float(np.sqrt(sides.prod() / most_pixels)))
    within: NDArray[np.float64] = np.maximum(native, coarsest)
    if axis is not None:
        within[2 - axis] = native[2 - axis]
    return within


def slicing_axis(examples: Sequence[Example]) -> int | None:
    """Return the array axis of canonical views with the thickest slices, or the axial one; None for planes."""
    geometries = [example.image.canonical().geometry for example in examples]
    if flat_axis(geometries[0]) is not None:
        return None
    spacing = np.median([geometry.spacing_kji for geometry in geometries], axis=0)
    return 0 if spacing[0] >= ABOUT_EQUAL * spacing.max() else int(spacing.argmax())


def finest_spacing(examples: Sequence[Example], axis: int | None) -> float:
    """Return the finest distance between rows and columns that all examples have [mm]."""
    geometries = [example.image.canonical().geometry for example in examples]
    across = [flat_axis(geometry) if axis is None else axis for geometry in geometries]
    return max(float(min(_within(one.spacing_kji, n))) for one, n in zip(geometries, across, strict=True))


def as_slices(array: NDArray[Any], axis: int | None) -> NDArray[Any]:
    """Return a view of a canonical array as slices (n, rows, columns), anterior or superior at the top."""
    if axis is None:
        return array[None]
    moved = np.moveaxis(array, axis, 0)
    return moved if axis == 0 else moved[:, ::-1]


def as_volume(slices: NDArray[Any], axis: int | None) -> NDArray[Any]:
    """Return the canonical array that `as_slices` was given."""
    if axis is None:
        return np.asarray(slices[0])
    return np.moveaxis(slices if axis == 0 else slices[:, ::-1], 0, axis)


def onto(
    values: Float32, source: sitk.Image, target: sitk.Image, outside: float | None = None, run: Run | None = None
) -> Float32:
    """Return arrays (structures, ...) on the grid of `source` on the grid of `target`.

    They are smoothed before they are made coarser. What `source` does not reach is `outside`; None repeats its border.
    """
    moved, run = [], run or Run()
    for one in values:
        run.check()
        image = sitk.GetImageFromArray(np.ascontiguousarray(one))
        image.CopyInformation(source)
        smooth = smoothed_for(image, target.GetSpacing(), run)
        moved.append(sitk.GetArrayFromImage(resampled(smooth, target, None, outside, run)))
    return np.stack(moved)


def _within(values: Any, axis: int | None) -> list[Any]:
    """Return the two of the values along (k, j, i) that lie within a slice."""
    return [value for number, value in enumerate(values) if number != axis]
