"""Where the network's square grid lies on slices: cut around what matters, with the slices' true proportions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..fewshot.slices import Size, SliceStack, framed, resized, unframed

VISIBLE = 0.1
"""Intensity, from 0 to 1, from which a pixel is more than background."""

LEAST_VISIBLE = 0.02
"""A row or column belongs to the body if this share of it does."""

BODY_MARGIN = 0.04
"""Room around the body, as a share of its extent."""

_SLICES = 48

Box = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True)
class Frame:
    """A box of slices that fills a square grid as far as its proportions allow; the rest of the grid is 0.

    Parameters
    ----------
    rows, columns
        The box [pixels of the slices].
    size
        Rows and columns that it has on the grid.
    side
        Rows and columns of the grid.
    """

    rows: slice
    columns: slice
    size: Size
    side: int

    @classmethod
    def around(cls, box: Box, spacing: tuple[float, float], side: int) -> Frame:
        """Return the frame of a box on slices with a spacing [mm]: its longer edge fills the grid."""
        lengths = [(cut.stop - cut.start) * step for cut, step in zip(box, spacing, strict=True)]
        rows, columns = (max(1, round(side * length / max(lengths))) for length in lengths)
        return cls(box[0], box[1], (rows, columns), side)

    def onto(self, maps: Tensor) -> Tensor:
        """Return maps (n, c, rows, columns) of whole slices on the grid, (n, c, side, side)."""
        return framed(resized(maps[..., self.rows, self.columns], self.size), (self.side, self.side))

    def back(self, maps: Tensor) -> Tensor:
        """Return maps (n, c, side, side) of the grid on the pixels of the box."""
        lengths = (self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)
        return resized(unframed(maps, self.size), lengths)

    def pixel_box(self, mask: NDArray[np.bool_]) -> Box | None:
        """Return the box of slices around what is marked on the grid (n, side, side); None if nothing is."""
        found = []
        for axis, (cut, size) in enumerate(zip((self.rows, self.columns), self.size, strict=True), start=1):
            used = np.flatnonzero(mask.any(axis=(0, 3 - axis))) - (self.side - size) // 2
            if used.size == 0:
                return None
            scale = (cut.stop - cut.start) / size
            start = cut.start + int(np.floor(max(int(used[0]), 0) * scale))
            stop = cut.start + int(np.ceil(min(int(used[-1]) + 1, size) * scale))
            found.append(slice(min(start, cut.stop - 1), min(max(stop, start + 1), cut.stop)))
        return found[0], found[1]


def body_box(stack: SliceStack, drawn: Sequence[NDArray[np.bool_]] = ()) -> Box:
    """Return the box of slices around the body and around everything drawn (slices, rows, columns)."""
    step = max(1, len(stack.array) // _SLICES)
    span = max(stack.highest - stack.lowest, np.finfo(np.float64).tiny)
    visible = (stack.array[::step].astype(np.float32) - stack.lowest) / span >= VISIBLE
    boxes = []
    for axis in (1, 2):
        share = visible.mean(axis=3 - axis).max(axis=0)
        used = [np.flatnonzero(share >= LEAST_VISIBLE)]
        used += [np.flatnonzero(mask.any(axis=(0, 3 - axis))) for mask in drawn]
        marked = np.concatenate(used)
        length = stack.size[axis - 1]
        if used[0].size == 0:  # nothing is brighter than the background
            boxes.append(slice(0, length))
            continue
        first, last = int(marked.min()), int(marked.max()) + 1
        margin = round(BODY_MARGIN * (last - first))
        boxes.append(slice(max(0, first - margin), min(length, last + margin)))
    return boxes[0], boxes[1]


def box_of_side(centre: tuple[float, float], side_mm: float, stack: SliceStack) -> Box:
    """Return the square box of a side [mm] around a pixel, moved into the slices and cut where it is too large."""
    found = []
    for middle, length, step in zip(centre, stack.size, stack.spacing, strict=True):
        wanted = min(length, max(1, round(side_mm / step)))
        start = min(max(0, round(middle - wanted / 2)), length - wanted)
        found.append(slice(start, start + wanted))
    return found[0], found[1]
