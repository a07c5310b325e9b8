"""Prompts on one slice as pictures that a network takes: a filled box, what is inside, what is outside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float32 = NDArray[np.float32]
Pixels = NDArray[np.int64]

CLICK_RADIUS = 2.0
"""A click is a small disc [pixels]."""

STROKE_RADIUS = 1.0
"""Half the width of a scribble without a width of its own [pixels]."""


@dataclass(frozen=True, eq=False)
class PromptMaps:
    """What was said about one slice.

    Parameters
    ----------
    box
        (rows, columns) float32: 1 in the box, 0 outside it and everywhere without one.
    positive, negative
        (rows, columns) float32: 1 where clicks and scribbles say inside or outside.
    """

    box: Float32
    positive: Float32
    negative: Float32

    @classmethod
    def nothing(cls, shape: tuple[int, int]) -> PromptMaps:
        """Return the maps of a slice of (rows, columns) that nothing was said about."""
        box, positive, negative = (np.zeros(shape, np.float32) for _ in range(3))
        return cls(box, positive, negative)

    def with_box(self, low: ArrayLike, high: ArrayLike) -> PromptMaps:
        """Return maps with the filled box from pixel `low` to pixel `high`, both (row, column) and in the box."""
        return replace(self, box=box_map(low, high, self._shape))

    def with_marks(self, pixels: ArrayLike, radius: float, *, positive: bool) -> PromptMaps:
        """Return maps with discs of `radius` [pixels] around pixels (n, 2) as (row, column) added inside or outside."""
        marks = disc_map(pixels, radius, self._shape)
        if positive:
            return replace(self, positive=np.maximum(self.positive, marks))
        return replace(self, negative=np.maximum(self.negative, marks))

    @property
    def _shape(self) -> tuple[int, int]:
        rows, columns = self.box.shape
        return rows, columns


def box_map(low: ArrayLike, high: ArrayLike, shape: tuple[int, int]) -> Float32:
    """Return 1 from pixel `low` to pixel `high`, both (row, column) and in the box, cut off at the picture's edge."""
    first, last = np.maximum(np.rint(low), 0).astype(int), np.rint(high).astype(int)
    filled = np.zeros(shape, np.float32)
    filled[first[0] : max(last[0] + 1, 0), first[1] : max(last[1] + 1, 0)] = 1
    return filled


def disc_map(pixels: ArrayLike, radius: float, shape: tuple[int, int]) -> Float32:
    """Return 1 within `radius` [pixels] of pixels (n, 2) as (row, column), cut off at the picture's edge."""
    marked = np.zeros(shape, np.float32)
    centres: Pixels = np.rint(np.asarray(pixels, dtype=np.float64)).astype(np.int64).reshape(-1, 2)
    rows, columns = (centres[:, None] + _disc(float(radius))).reshape(-1, 2).T
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    marked[rows[inside], columns[inside]] = 1
    return marked


def line_pixels(points: ArrayLike) -> Pixels:
    """Return the pixels (n, 2) along the straight pieces between points (m, 2), all as (row, column)."""
    corners = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    lengths = np.abs(np.diff(corners, axis=0)).max(axis=1, initial=0)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    places = np.linspace(0, along[-1], 2 * int(np.ceil(along[-1])) + 1)
    line = np.stack([np.interp(places, along, corners[:, axis]) for axis in (0, 1)], axis=1)
    pixels: Pixels = np.rint(line).astype(np.int64)
    return pixels


@cache
def _disc(radius: float) -> Pixels:
    """Return the steps (n, 2) from a pixel to all within `radius`."""
    reach = int(radius)
    steps = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1).T
    near: Pixels = steps[(steps**2).sum(axis=1) <= radius**2 + 1e-6]
    return near
