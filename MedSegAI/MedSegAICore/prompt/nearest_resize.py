"""Resize pictures by their nearest pixels, as networks trained with OpenCV expect."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def resize_nearest(pixels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Return a picture (rows, columns, ...) of another `shape` (rows, columns), as OpenCV's INTER_NEAREST would.

    A new pixel is the old one that its upper left corner falls on; the sides are scaled each by its own factor.
    """
    rows, columns = (_nearest(old, new) for old, new in zip(pixels.shape, shape, strict=False))
    return pixels[rows[:, None], columns]


def _nearest(old: int, new: int) -> NDArray[np.intp]:
    # The inverse of the inverse, as OpenCV has it: it falls just short of a whole number for some lengths, and
    # then the pixel before is taken.
    step = 1 / (new / old)
    positions: NDArray[np.intp] = np.floor(np.arange(new) * step).clip(max=old - 1).astype(np.intp)
    return positions
