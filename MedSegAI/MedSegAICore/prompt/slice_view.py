"""Square views of a slice for a network with a square input: the whole of it, or what lies around something.

A view is square in the world, so shapes keep their aspect on pixels that are longer than wide. What it shows beyond
the slice are the pixels of the slice's edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional

from .segmenter import Float32, Mask

Float64 = NDArray[np.float64]
Shape = tuple[int, int]

SMALLEST_SIDE = 24
"""A view shows at least as many pixels along its shorter side; more magnification shows nothing new."""


@dataclass(frozen=True)
class SliceView:
    """A part of a slice.

    Parameters
    ----------
    first
        Its first (row, column); below 0 where it begins outside the slice.
    shape
        Its rows and columns.
    """

    first: tuple[int, int]
    shape: Shape

    def taken(self, picture: Float32, size: int, outside: float | None = None) -> Float32:
        """Return what the view shows of a slice (rows, columns), resampled to (size, size).

        Parameters
        ----------
        picture
            The slice.
        size
            Side of the result [pixels].
        outside
            Value beyond the slice; None lets the pixels of its edge go on.
        """
        places = [first + np.arange(length) for first, length in zip(self.first, self.shape, strict=True)]
        inside = [(at >= 0) & (at < limit) for at, limit in zip(places, picture.shape, strict=True)]
        rows, columns = (at.clip(0, limit - 1) for at, limit in zip(places, picture.shape, strict=True))
        shown = picture[np.ix_(rows, columns)].astype(np.float32)
        if outside is not None:
            shown[~np.logical_and.outer(*inside)] = outside
        return resampled(shown, (size, size))

    def given_back(self, values: Float32, shape: Shape, outside: float) -> Float32:
        """Return a slice (rows, columns) of `shape` with the view's values (size, size) in place."""
        whole = np.full(shape, outside, dtype=np.float32)
        part, fine = self.placed(values, shape)
        whole[part] = fine
        return whole

    def placed(self, values: Float32, shape: Shape) -> tuple[tuple[slice, slice], Float32]:
        """Return which part of a slice of `shape` the view shows, and the view's values (size, size) on its pixels."""
        fine = resampled(values, self.shape)
        rows, columns = (
            slice(max(first, 0), min(first + length, limit))
            for first, length, limit in zip(self.first, self.shape, shape, strict=True)
        )
        top, left = self.first
        return (rows, columns), fine[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]

    def pixels(self, places: ArrayLike, size: int) -> Float64:
        """Return positions (n, 2) as (row, column) of the slice in pixels of the resampled view."""
        scale = size / np.array(self.shape, dtype=np.float64)
        return np.asarray((np.asarray(places, dtype=np.float64) - self.first + 0.5) * scale - 0.5)

    def cuts(self, inside: Mask, shape: Shape) -> bool:
        """Return whether a structure (size, size) in the view goes on where the view ends but the slice does not."""
        for axis, (first, length, limit) in enumerate(zip(self.first, self.shape, shape, strict=True)):
            across: Mask = np.any(inside, axis=1 - axis)
            if (first > 0 and across[0]) or (first + length < limit and across[-1]):
                return True
        return False


def resampled(picture: Float32, shape: Shape) -> Float32:
    """Return a picture (rows, columns) of another shape; what shrinks is averaged."""
    if picture.shape == shape:
        return picture
    values = torch.from_numpy(np.ascontiguousarray(picture))[None, None]
    resized: Float32 = functional.interpolate(values, shape, mode="bilinear", antialias=True)[0, 0].numpy()
    return resized


def whole_view(shape: Shape, spacing_mm: tuple[float, float]) -> SliceView:
    """Return the view of all of a slice."""
    return view_around((0, 0), (shape[0] - 1, shape[1] - 1), 1.0, shape, spacing_mm)


def view_around(
    low: ArrayLike, high: ArrayLike, factor: float, shape: Shape, spacing_mm: tuple[float, float]
) -> SliceView:
    """Return the view of what lies from pixel `low` to pixel `high` (row, column), and around it.

    Parameters
    ----------
    low, high
        First and last pixel.
    factor
        How much longer than the longer side of these the view is.
    shape, spacing_mm
        Of the slice. A view is at most as long as the whole of it, and leaves it no more than it must.
    """
    spacing, limit = np.array(spacing_mm), np.array(shape)
    first, last = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    side = max(float(((last - first + 1) * spacing).max()) * factor, SMALLEST_SIDE * float(spacing.min()))
    side = min(side, float((limit * spacing).max()))
    lengths = np.maximum(np.rint(side / spacing), 1).astype(int)
    start = np.rint((first + last + 1 - lengths) / 2).astype(int)
    room = limit - lengths
    # in the middle, where the slice is shorter than the view
    start = np.where(room < 0, room // 2, np.clip(start, 0, np.maximum(room, 0)))
    return SliceView((int(start[0]), int(start[1])), (int(lengths[0]), int(lengths[1])))
