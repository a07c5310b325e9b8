"""Answers that fill the box a person drew: a box says how long and wide a structure is, not only where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .click_box import bounding_box
from .segmenter import Float32

LEVELS = np.arange(-3.0, 2.25, 0.25)
"""Logits that are tried as the border of the structure."""

_RELUCTANCE = 0.0075
"""Overlap of the boxes that a level must gain, times the square of its difference from 0 [logits].

A thin tip that was not found is no reason to find everything else in the box as well.
"""


def filling(logits: Float32, box_xyxy: NDArray[np.float64]) -> Float32:
    """Return logits moved by a constant, so that what is above 0 is about as long and wide as the box.

    Networks that learned from other kinds of images tend to find too little of what they are unsure of. The level is
    chosen at which the box around what is found overlaps most with the one that was drawn.

    Parameters
    ----------
    logits
        Answer (rows, columns).
    box_xyxy
        (4,) first and last column and row.
    """

    def worth(level: float) -> float:
        inside = logits > level
        if not inside.any():
            return -np.inf
        found = bounding_box(inside)
        sides = np.minimum(found[2:], box_xyxy[2:]) - np.maximum(found[:2], box_xyxy[:2]) + 1
        common = float(np.maximum(sides, 0).prod())
        return common / (_area(found) + _area(box_xyxy) - common) - _RELUCTANCE * level**2

    worths = [worth(level) for level in LEVELS]
    level = LEVELS[int(np.argmax(worths))] if max(worths) > -np.inf else 0.0
    return logits - np.float32(level)


def _area(box_xyxy: NDArray[np.float64]) -> float:
    return float((box_xyxy[2:] - box_xyxy[:2] + 1).prod())
