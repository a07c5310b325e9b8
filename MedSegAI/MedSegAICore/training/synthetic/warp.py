"""Views of a drawn body: turned, scaled, sheared and bent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..example import BoolArray, Float32
from .fields import displacement

_CLOSE_UP = 0.4
"""Share of the views that aim at the structure."""

_CLOSEST = 0.55
"""Smallest step between the pixels of a view [pixels of the canvas]: below it, its own pixels would be seen."""


def draw_positions(aim: BoolArray, size: int, chance: np.random.Generator) -> Float32:
    """Return where on a canvas the pixels of a view lie.

    Parameters
    ----------
    aim
        (canvas, canvas) what close views aim at; not empty.
    size
        Side of the view [pixels].
    chance
        Draws.

    Returns
    -------
    Float32
        (2, size, size): row and column on the canvas.
    """
    canvas = aim.shape[0]
    middle, step = np.full(2, (canvas - 1) / 2), canvas / size * np.exp(chance.normal(-0.1, 0.2))
    if chance.random() < _CLOSE_UP:
        rows, columns = np.nonzero(aim)
        extent = max(np.ptp(rows), np.ptp(columns)) + 1
        share = np.exp(chance.uniform(np.log(0.1), np.log(0.9)))
        step = np.clip(extent / (share * size), _CLOSEST, step)
        middle = np.array([rows.mean(), columns.mean()]) + chance.uniform(-0.2, 0.2, 2) * size * step
    places = (np.arange(size, dtype=np.float32) - (size - 1) / 2) * np.float32(step)
    grid = np.stack(np.broadcast_arrays(places[:, None], places[None])).reshape(2, -1)
    turned = (_affine(chance) @ grid).reshape(2, size, size) + middle[:, None, None].astype(np.float32)
    grain = canvas * np.exp(chance.uniform(np.log(0.12), np.log(0.5)))
    # a bend that is longer than a fifth of its grain would fold the picture
    bent: Float32 = turned + displacement(size, grain / step, chance.uniform(0, 0.13) * grain, chance)
    return bent


def taken(labels: NDArray[np.uint8], positions: Float32) -> NDArray[np.uint8]:
    """Return the labels at positions (2, rows, columns).

    Beyond the edge of a canvas with a whole body is background, and a body seen from within is mirrored.
    """
    mode = "constant" if labels[0, 0] == 0 else "mirror"
    view: NDArray[np.uint8] = ndimage.map_coordinates(labels, positions, order=0, mode=mode, prefilter=False)
    return view


def _affine(chance: np.random.Generator) -> Float32:
    """Return a matrix (2, 2): a turn, mostly small, unequal scales, a shear, and perhaps a mirror."""
    angle = chance.normal(0, 0.3) if chance.random() < 0.7 else chance.uniform(0, 2 * np.pi)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    shear = np.array([[1, chance.normal(0, 0.1)], [0, 1]])
    scale = np.diag(np.exp(chance.normal(0, 0.1, 2)) * [1, chance.choice([-1, 1])])
    return np.asarray(turn @ shear @ scale, dtype=np.float32)
