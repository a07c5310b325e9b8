"""What of a slice is looked at around a click: all of it with few pixels, and close to the click each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Float64, Mask

Pixel = tuple[int, int]

OVERVIEW = 128
"""Pixels across the slice as a whole, about."""
CLOSE_UP = 64
"""Pixels across the view of the click's surroundings."""


@dataclass(frozen=True, eq=False)
class View:
    """A part of the slice at some resolution.

    Parameters
    ----------
    pixels
        Intensities (rows, columns) in any unit.
    click
        The clicked pixel (row, column).
    factor
        Pixels of the slice per pixel of the view along each side.
    corner
        First pixel (row, column) of the slice that the view shows.
    """

    pixels: Float64
    click: Pixel
    factor: int
    corner: Pixel

    def spread(self, values: NDArray[Any], shape: tuple[int, int]) -> tuple[slice, slice, NDArray[Any]]:
        """Return where the view lies in a slice of `shape`, and the view's values there."""
        fine = values.repeat(self.factor, axis=0).repeat(self.factor, axis=1)
        rows, columns = (
            slice(start, min(start + size, limit))
            for start, size, limit in zip(self.corner, fine.shape, shape, strict=True)
        )
        return rows, columns, fine[: rows.stop - rows.start, : columns.stop - columns.start]

    def holds(self, region: Mask, pixels: NDArray[np.int64]) -> bool:
        """Tell whether a region of the view holds one of some pixels (n, 2) of the slice."""
        here = (pixels - np.array(self.corner)) // self.factor
        here = here[((here >= 0) & (here < np.array(region.shape))).all(axis=1)]
        return bool(region[tuple(here.T)].any())


def views_of(pixels: Float64, click: Pixel) -> tuple[View, ...]:
    """Return the slice as a whole, reduced, and where that is much larger, the surroundings of the click."""
    factor = max(1, -(-max(pixels.shape) // OVERVIEW))
    padded = np.pad(pixels, [(0, -size % factor) for size in pixels.shape], mode="edge")
    rows, columns = (size // factor for size in padded.shape)
    reduced = padded.reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    overview = View(reduced, (click[0] // factor, click[1] // factor), factor, (0, 0))
    if max(pixels.shape) <= CLOSE_UP:
        return (overview,)
    corner = tuple(
        max(0, min(at - CLOSE_UP // 2, size - CLOSE_UP)) for at, size in zip(click, pixels.shape, strict=True)
    )
    row, column = corner
    surroundings = pixels[row : row + CLOSE_UP, column : column + CLOSE_UP]
    return overview, View(surroundings, (click[0] - row, click[1] - column), 1, (row, column))
