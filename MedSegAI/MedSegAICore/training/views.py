"""Slices of real images, kept small in memory, and square views of them as examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..volume import ImageVolume
from .augmentation import degraded, relit, windowed
from .example import BoolArray, Example, Float32, is_usable
from .synthetic.fields import displacement

Grey = NDArray[np.uint16]
Pair = tuple[float, float]

_WHITE = 65535

FLATTEST = 4.0
"""Slices are taken only where their pixels are at most so many times as long as wide."""

SHARES = (0.03, 0.9)
"""How long a structure is in a picture, as a share of its side: drawn evenly on a logarithmic scale."""

_NARROWEST = 16
"""Slices have at least so many rows and columns."""

_LARGEST_ZOOM = 4.0
"""A pixel of a slice becomes at most so many pixels of a picture."""

_EMPTIEST = 1.2
"""A picture is at most so many times as long as its slice."""

_WINDOWED = 0.5
"""Share of the examples whose window suits the structure, as radiologists choose it."""

_TRIES = 6
"""Views of one structure until another is drawn."""

_LARGEST_BEND = 0.025
"""Longest bend of a view, as a share of its side."""


def quantised(volume: ImageVolume) -> Grey:
    """Return the voxels of an image from its darkest (0) to its brightest (65535), for half the memory of floats."""
    array = volume.array
    low, high = float(array.min()), float(array.max())
    grey: Grey = np.rint((array - np.float32(low)) * np.float32(_WHITE / max(high - low, 1e-6))).astype(np.uint16)
    return grey


@dataclass(frozen=True, eq=False)
class Picture:
    """A slice.

    Parameters
    ----------
    image
        (rows, columns).
    spacing
        Distance of rows and columns, in any unit.
    """

    image: Grey
    spacing: tuple[float, float]


@dataclass(frozen=True, eq=False)
class View:
    """A square that is looked at.

    Parameters
    ----------
    middle
        Its middle on the slice: (row, column).
    steps
        Pixels of the slice from one pixel of the view to the next, along rows and columns.
    turn
        Matrix (2, 2) of turn and mirror.
    bend
        (2, size, size) displacement of its pixels [pixels of the view].
    """

    middle: Pair
    steps: Pair
    turn: Float32
    bend: Float32

    def positions(self) -> Float32:
        """Return row and column (2, size, size) of each pixel on the slice."""
        size = self.bend.shape[1]
        places = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
        grid = np.stack(np.broadcast_arrays(places[:, None], places[None])).reshape(2, -1)
        turned = (self.turn @ grid).reshape(self.bend.shape) + self.bend
        scale, middle = (np.asarray(pair, np.float32)[:, None, None] for pair in (self.steps, self.middle))
        return np.asarray(middle + scale * turned, dtype=np.float32)


def directions(shape: Sequence[int], spacing: Sequence[float]) -> tuple[int, ...]:
    """Return the array axes across which slices of a volume are worth looking at.

    Parameters
    ----------
    shape, spacing
        Number and distance of the voxels along k, j and i.
    """
    axes = []
    for axis in range(3):
        sides = [spacing[other] for other in range(3) if other != axis]
        counts = [shape[other] for other in range(3) if other != axis]
        if max(sides) <= FLATTEST * min(sides) and min(counts) >= _NARROWEST:
            axes.append(axis)
    return tuple(axes)


def draw_close_up(picture: Picture, mask: BoolArray, size: int, chance: np.random.Generator) -> Example | None:
    """Return an example of `size` x `size` pixels that shows a structure as large as chance wants it.

    Parameters
    ----------
    picture
        A slice; the pixels of the example are as long as wide.
    mask
        (rows, columns) the structure on it; not empty.
    size
        Side [pixels].
    chance
        Draws.

    Returns
    -------
    Example or None
        None if no view was found that shows enough of the structure and of what is around it.
    """
    image, spacing = picture.image, picture.spacing
    rows, columns = np.nonzero(mask)
    low, high = (np.array([end(rows), end(columns)]) for end in (np.min, np.max))
    length = float(((high - low + 1) * spacing).max())
    for _ in range(_TRIES):
        share = np.exp(chance.uniform(*np.log(SHARES)))
        widest = _EMPTIEST * max(np.multiply(image.shape, spacing)) / size
        step = float(np.clip(length / (share * size), min(spacing) / _LARGEST_ZOOM, widest))
        room = max(size * step - length, 0) / 2
        middle = (low + high) / 2 + chance.uniform(-0.9, 0.9, 2) * room / spacing
        half = np.minimum(0.5 * size * step / np.array(spacing), np.array(image.shape) / 2)
        middle = np.clip(middle, half, image.shape - half)  # what lies beyond the slice is black
        view = draw_view(_pair(middle), _pair(step / np.array(spacing)), size, chance)
        grey, inside = seen(image, mask, view)
        if is_usable(inside) and np.ptp(grey) > 0:
            if chance.random() < _WINDOWED:
                grey = windowed(grey, inside, chance)
            return Example(relit(degraded(grey, chance), chance), inside)
    return None


def draw_view(middle: Pair, steps: Pair, size: int, chance: np.random.Generator) -> View:
    """Return a view turned, mirrored and bent by chance."""
    angle = chance.normal(0, 0.25) if chance.random() < 0.7 else chance.uniform(0, 2 * np.pi)
    mirror = np.diag([1, chance.choice([-1, 1])])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ mirror
    bend = displacement(size, size / chance.uniform(2, 5), chance.uniform(0, _LARGEST_BEND) * size, chance)
    return View(middle, steps, turn.astype(np.float32), bend)


def seen(image: Grey, mask: BoolArray, view: View) -> tuple[Float32, BoolArray]:
    """Return image 0..1 and mask (size, size) of a view of a slice; beyond the slice it is black.

    Pixels of the slice that are much smaller than those of the view are averaged first.
    """
    positions = view.positions()
    low = np.maximum(np.floor(positions.min(axis=(1, 2))).astype(int) - 1, 0)
    high = np.minimum(np.ceil(positions.max(axis=(1, 2))).astype(int) + 2, image.shape)
    factors = np.maximum(np.rint(view.steps).astype(int), 1)
    high -= (high - low) % factors  # whole blocks
    cut = np.s_[low[0] : high[0], low[1] : high[1]]
    shift, scale = low[:, None, None], factors[:, None, None]
    there = ((positions - shift + 0.5) / scale - 0.5).astype(np.float32)
    picture, share = (_averaged(array[cut], factors) for array in (image, mask))
    grey = ndimage.map_coordinates(picture, there, order=1, mode="constant", prefilter=False)
    part = ndimage.map_coordinates(share, there, order=1, mode="constant", prefilter=False)
    return np.asarray(grey / np.float32(_WHITE), dtype=np.float32), np.asarray(part > 0.5)


def _averaged(array: NDArray[np.generic], factors: NDArray[np.int64]) -> Float32:
    """Return the means of blocks of an array."""
    rows, columns = array.shape[0] // int(factors[0]), array.shape[1] // int(factors[1])
    if (factors == 1).all():
        return array.astype(np.float32)
    blocks = array.reshape(rows, int(factors[0]), columns, int(factors[1]))
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _pair(values: Float32 | NDArray[np.float64]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
