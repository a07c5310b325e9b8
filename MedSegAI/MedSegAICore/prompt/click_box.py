"""A box for models that only know boxes, drawn from what else a person points with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..engine.run import Run
from .adaptive.click_region import region_of_click
from .picture import grey_levels
from .segmenter import Mask, SliceImage, SlicePrompts
from .stroke_points import stroke_points

Float64 = NDArray[np.float64]

_MARGIN = 2  # around a click where nothing stands out [pixels]

BESIDE_A_BOX = "beside a box, other prompts were not used."
FROM_A_MASK = "the box around the mask was used."
FROM_AN_OUTLINE = "the box around the outline was used."
FROM_CLICKS = "a box was drawn around what the clicks and scribbles seem to point at."
FROM_NEIGHBOUR = "from slice to slice, it was given the box around its mask on the slice before, and nothing else."


def box_of_prompts(image: SliceImage, prompts: SlicePrompts, run: Run) -> tuple[Float64 | None, str]:
    """Return a box (4,) as (x, y, x, y) around what the prompts of a slice point at, and in words how it came about.

    A drawn box counts alone, and needs no words. Around a lasso or a mask lies their box, widened to hold all
    positive clicks and scribbles. From clicks and scribbles alone it is the box around the regions that the
    adaptive model gives them on the slice as it is shown, which negative ones keep out of.

    Without anything positive there is no box.
    """
    if prompts.box_xyxy is not None:
        box = np.asarray(prompts.box_xyxy, dtype=np.float64)
        if prompts.box_follows:
            return box, FROM_NEIGHBOUR
        return box, BESIDE_A_BOX if _says_more(prompts) else ""
    positive = _marked(prompts.points_xy[prompts.points_positive], prompts.inside)
    for mask, how in ((prompts.enclosed, FROM_AN_OUTLINE), (_guessed(prompts), FROM_A_MASK)):
        if mask is not None and mask.any():
            return _around(positive.reshape(-1, 2), bounding_box(mask)), how
    if len(positive) == 0:
        return None, ""
    clicks = [prompts.points_xy[prompts.points_positive].astype(np.float64)]
    if prompts.inside is not None:
        clicks.append(stroke_points(prompts.inside))
    regions = [_region_box(image, prompts, click, run) for click in np.concatenate(clicks)]
    return _around(positive, *regions), FROM_CLICKS


def bounding_box(mask: Mask) -> Float64:
    """Return the first and last column and row (x, y, x, y) of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1], rows[-1]], dtype=np.float64)


def _says_more(prompts: SlicePrompts) -> bool:
    drawn = (prompts.inside, prompts.outside, prompts.previous_mask)
    return len(prompts.points_xy) > 0 or any(part is not None and part.any() for part in drawn)


def _guessed(prompts: SlicePrompts) -> Mask | None:
    return None if prompts.previous_mask is None else prompts.previous_mask >= 0.5


def _marked(points_xy: Float64, drawn: Mask | None) -> Float64:
    """Return clicks and the pixels of strokes as positions (n, 2) of (column, row)."""
    pixels = np.empty((0, 2)) if drawn is None else np.argwhere(drawn)[:, ::-1]
    return np.concatenate([np.asarray(points_xy, dtype=np.float64).reshape(-1, 2), pixels])


def _region_box(image: SliceImage, prompts: SlicePrompts, click_xy: Float64, run: Run) -> Float64:
    """Return the box around the region of one click."""
    shape = image.pixels.shape
    row, column = (int(np.clip(round(click_xy[1 - axis]), 0, shape[axis] - 1)) for axis in (0, 1))
    negative = _marked(prompts.points_xy[~prompts.points_positive], prompts.outside)
    shut_out = np.clip(np.rint(negative[:, ::-1]), 0, np.array(shape) - 1).astype(np.int64)
    levels = grey_levels(image.pixels, image.window).astype(np.float64)
    probability = region_of_click(levels, (row, column), shut_out, run)
    if probability is None or not (probability >= 0.5).any():
        limit = np.array(shape[::-1]) - 1
        click = np.array([column, row])
        return np.concatenate([np.maximum(click - _MARGIN, 0), np.minimum(click + _MARGIN, limit)]).astype(np.float64)
    return bounding_box(probability >= 0.5)


def _around(positions_xy: Float64, *boxes: Float64) -> Float64:
    """Return the box around positions and boxes."""
    corners = np.concatenate([positions_xy, *(box.reshape(2, 2) for box in boxes)])
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])
