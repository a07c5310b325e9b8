"""What networks that segment from prompts or examples learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float32 = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

SMALLEST_AREA = 12
"""A mask has at least as many pixels: less cannot be pointed at."""

LARGEST_SHARE = 0.92
"""A mask fills at most this share of the picture, so that there is something to keep out."""


MOST_TRIES = 500
"""Draws after which a source gives up; one that needs more has no pictures that show anything."""


@dataclass(frozen=True, eq=False)
class Example:
    """A picture and what is to be segmented in it.

    Parameters
    ----------
    image
        (rows, columns) float32, without NaN, of any scale.
    mask
        (rows, columns) bool, neither empty nor everything.
    """

    image: Float32
    mask: BoolArray


class ExampleSource(Protocol):
    """Where examples come from."""

    def draw(self, size: int, chance: np.random.Generator) -> Example:
        """Return an example of `size` x `size` pixels that depends on `chance` alone."""
        ...


def is_usable(mask: BoolArray) -> bool:
    """Return whether a mask is large enough to be pointed at and small enough to be told from the rest."""
    area = int(np.count_nonzero(mask))
    return SMALLEST_AREA <= area <= LARGEST_SHARE * mask.size


def one_part(mask: BoolArray, chance: np.random.Generator) -> BoolArray:
    """Return a connected part of a mask, drawn by area; the mask itself if no part is large enough."""
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    if count == 1:
        return mask
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    areas[areas < SMALLEST_AREA] = 0
    if not areas.any():
        return mask
    return np.asarray(parts == chance.choice(len(areas), p=areas / areas.sum()))
