"""Squares around a structure that several people drew, as examples for a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..evaluation.datasets.dataset import Dataset
from .augmentation import spread

Float32 = NDArray[np.float32]
Value = TypeVar("Value", bound=np.generic)

SHIFT = 6
"""How far the structure may lie from the middle of the square, along rows and columns [pixels]."""

PROMPTED = 0.5
"""Share of the examples in which the network is told a box around the structure."""


@dataclass(frozen=True, eq=False)
class RaterSlices:
    """Slices with what several people drew on them.

    Parameters
    ----------
    images
        (n, rows, columns) uint8: the intensities of each slice from its darkest to its brightest pixel.
    masks
        (n, raters, rows, columns) bool.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class Crop:
    """One example.

    Parameters
    ----------
    condition
        (2, size, size) float32: the image -1..1, and 1 in the box that is told.
    mask
        (size, size) bool: what one rater drew.
    """

    condition: Float32
    mask: NDArray[np.bool_]


def read_slices(dataset: Dataset, label: str, subjects: Sequence[str]) -> RaterSlices:
    """Return the slices of these subjects on which at least one rater drew; all have one size."""
    images, masks = [], []
    for case in dataset.only(subjects).cases:
        drawn = np.stack([mask.full() for mask in case.masks(label)])
        picture = spread(np.asarray(case.image().array, dtype=np.float32))
        for k in np.flatnonzero(drawn.any(axis=(0, 2, 3))):
            images.append(np.rint(picture[k] * 255).astype(np.uint8))
            masks.append(drawn[:, k])
    return RaterSlices(np.stack(images), np.stack(masks))


def draw_crop(slices: RaterSlices, index: int, size: int, chance: np.random.Generator) -> Crop:
    """Return a square of one slice, moved, turned and lit by chance, with the mask of a rater drawn by chance."""
    image, masks = slices.images[index], slices.masks[index]
    shift = chance.integers(-SHIFT, SHIFT + 1, 2).tolist()
    rows, columns = (start + moved for start, moved in zip(_corner(masks.any(axis=0), size), shift, strict=True))
    window = _lit(_square(image, rows, columns, size), chance)
    rater = int(chance.integers(len(masks)))
    box = _mask_square(_jittered_box(masks.any(axis=0), chance), rows, columns, size)
    box &= chance.random() < PROMPTED
    mask = _mask_square(masks[rater], rows, columns, size)
    turns, mirrored = int(chance.integers(4)), bool(chance.random() < 0.5)
    condition = np.stack([2 * window - 1, box.astype(np.float32)])
    return Crop(_turned(condition, turns, mirrored=mirrored), _turned(mask, turns, mirrored=mirrored))


def _corner(structure: NDArray[np.bool_], size: int) -> tuple[int, int]:
    """Return where a square begins whose middle is that of the structure's box."""
    positions = np.argwhere(structure)
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
    row, column = np.rint(middle - (size - 1) / 2).astype(int).tolist()
    return row, column


def _square(image: NDArray[np.uint8], row: int, column: int, size: int) -> Float32:
    """Return a square of an image, 0..1; beyond its edge the pixels of the edge go on."""
    rows, columns = np.arange(row, row + size), np.arange(column, column + size)
    square: Float32 = image[np.ix_(rows.clip(0, image.shape[0] - 1), columns.clip(0, image.shape[1] - 1))] / np.float32(
        255
    )
    return square


def _mask_square(mask: NDArray[np.bool_], row: int, column: int, size: int) -> NDArray[np.bool_]:
    """Return a square of a mask; beyond its edge is nothing."""
    return np.pad(mask, size)[row + size : row + 2 * size, column + size : column + 2 * size]


def _jittered_box(structure: NDArray[np.bool_], chance: np.random.Generator) -> NDArray[np.bool_]:
    """Return a filled box around the structure whose sides miss it by up to two pixels, as a hand does."""
    positions = np.argwhere(structure)
    low = positions.min(axis=0) - chance.integers(-1, 3, 2)
    high = positions.max(axis=0) + chance.integers(-1, 3, 2)
    box = np.zeros_like(structure)
    box[max(low[0], 0) : max(high[0], low[0]) + 1, max(low[1], 0) : max(high[1], low[1]) + 1] = True
    return box


def _lit(window: Float32, chance: np.random.Generator) -> Float32:
    return np.asarray(window ** np.exp(chance.uniform(-0.3, 0.3)), dtype=np.float32)


def _turned(array: NDArray[Value], turns: int, *, mirrored: bool) -> NDArray[Value]:
    """Return squares (..., size, size) turned by a number of right angles and perhaps mirrored."""
    turned = np.rot90(array, turns, axes=(-2, -1))
    return np.ascontiguousarray(turned[..., ::-1] if mirrored else turned)
