"""What a person points at, in the words that SAM knows: points, one box, one earlier mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .click_box import bounding_box, box_around_click
from .picture import grey_levels
from .segmenter import Float32, Mask, SliceImage, SlicePrompts
from .stroke_points import stroke_points

Float64 = NDArray[np.float64]


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

    @property
    def is_empty(self) -> bool:
        """Whether nothing says where to look."""
        return len(self.points_xy) == 0 and self.box_xyxy is None

    @property
    def is_ambiguous(self) -> bool:
        """Whether this is one click, which may mean a part, the whole, or more than that."""
        alone = self.box_xyxy is None and self.logits is None and self.guess is None
        return alone and len(self.points_xy) == 1 and bool(self.points_positive[0])


def sam_prompts(image: SliceImage, prompts: SlicePrompts, needs_box: bool) -> SamPrompts:
    """Return the prompts of a slice as SAM takes them.

    Scribbles become points; a lasso its box and points; a first guess without anything else its box. A
    network that `needs_box` gets a box for its clicks and no points.
    """
    points, positive = _points(prompts)
    box = _box(prompts, has_points=len(points) > 0)
    if needs_box:
        box = _box_for_clicks(image, points[positive]) if box is None else box
        points, positive = points[:0], positive[:0]
    return SamPrompts(points, positive, box, prompts.previous_mask)


def _points(prompts: SlicePrompts) -> tuple[Float64, Mask]:
    clicks = np.asarray(prompts.points_xy, dtype=np.float64).reshape(-1, 2)
    strokes = [np.empty((0, 2)) if mask is None else stroke_points(mask) for mask in (prompts.inside, prompts.outside)]
    signs = [np.full(len(points), sign) for points, sign in zip(strokes, (True, False), strict=True)]
    return np.concatenate([clicks, *strokes]), np.concatenate([prompts.points_positive.astype(np.bool_), *signs])


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


def _box_for_clicks(image: SliceImage, points: Float64) -> Float64 | None:
    if len(points) == 0:
        return None
    levels = grey_levels(image.pixels, image.window)
    boxes = np.stack([box_around_click(levels, point) for point in points])
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
