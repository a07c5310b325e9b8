"""What a person points at, in the words that SAM knows: points, one box, one earlier mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..models.decoding_spec import Strokes
from .click_box import bounding_box
from .segmenter import Float32, Mask, SlicePrompts
from .stroke_points import stroke_points

Float64 = NDArray[np.float64]

FINE = 128
"""Pixels across the slice at most on which every pixel of a scribble is a click: as large are the pictures that
ScribblePrompt learned from, and more clicks tell it nothing."""


@dataclass(frozen=True, eq=False)
class SamPrompts:
    """What SAM is asked on one slice, in pixels of the slice.

    Parameters
    ----------
    points_xy, points_positive
        Clicks (n, 2) as (column, row), and whether each is inside.
    box_xyxy
        (4,) or None.
    guess
        (rows, columns) probability of a first guess, or None.
    logits
        Low-resolution logits of the answer to the prompts before the last, or None; they count instead of the guess.
    """

    points_xy: Float64
    points_positive: Mask
    box_xyxy: Float64 | None
    guess: Float32 | None
    logits: Float32 | None = None

    @classmethod
    def of_box(cls, box_xyxy: Float64 | None) -> SamPrompts:
        """Return a box (4,) as the only prompt."""
        return cls(np.empty((0, 2)), np.empty(0, dtype=np.bool_), box_xyxy, None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing says where to look."""
        return len(self.points_xy) == 0 and self.box_xyxy is None

    @property
    def is_ambiguous(self) -> bool:
        """Whether this is one click, which may mean a part, the whole, or more than that."""
        alone = self.box_xyxy is None and self.logits is None and self.guess is None
        return alone and len(self.points_xy) == 1 and bool(self.points_positive[0])


def sam_prompts(prompts: SlicePrompts, strokes: Strokes = "some_points") -> SamPrompts:
    """Return the prompts of a slice as SAM takes them.

    Scribbles become points; a lasso its box and points; a first guess without anything else its box.
    """
    points, positive = _points(prompts, strokes)
    return SamPrompts(points, positive, _box(prompts, has_points=len(points) > 0), prompts.previous_mask)


def _points(prompts: SlicePrompts, strokes: Strokes) -> tuple[Float64, Mask]:
    clicks = np.asarray(prompts.points_xy, dtype=np.float64).reshape(-1, 2)
    points_of = stroke_points if strokes == "some_points" else every_pixel
    drawn = [np.empty((0, 2)) if mask is None else points_of(mask) for mask in (prompts.inside, prompts.outside)]
    signs = [np.full(len(points), sign) for points, sign in zip(drawn, (True, False), strict=True)]
    return np.concatenate([clicks, *drawn]), np.concatenate([prompts.points_positive.astype(np.bool_), *signs])


def every_pixel(mask: Mask) -> Float64:
    """Return the pixels (n, 2) of a stroke as (column, row), on a grid of no more than `FINE` pixels across."""
    rows, columns = (min(length, FINE) for length in mask.shape)
    scale = np.array(mask.shape) / (rows, columns)
    coarse = np.unique(np.floor(np.argwhere(mask) / scale), axis=0)
    positions: Float64 = (coarse * scale)[:, ::-1]
    return positions


def _box(prompts: SlicePrompts, has_points: bool) -> Float64 | None:
    if prompts.box_xyxy is not None:
        return np.asarray(prompts.box_xyxy, dtype=np.float64)
    if prompts.enclosed is not None and prompts.enclosed.any():
        return bounding_box(prompts.enclosed)
    # SAM makes little of a mask alone; with its box it follows a structure from slice to slice
    guess = prompts.previous_mask
    if not has_points and guess is not None and (guess >= 0.5).any():
        return bounding_box(guess >= 0.5)
    return None
