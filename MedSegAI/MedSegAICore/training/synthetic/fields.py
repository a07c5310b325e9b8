"""Smooth noise of any grain, as a product of small matrices."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..example import Float32

_FEWEST_KNOTS = 4


@cache
def spline_basis(size: int, knots: int) -> Float32:
    """Return the uniform cubic B-splines (size, knots) of `knots` >= 4 knots at `size` places."""
    places = np.linspace(0, knots - 3, size, dtype=np.float64)
    first = np.minimum(places.astype(np.int64), knots - 4)
    t = places - first
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    basis = np.zeros((size, knots), np.float32)
    for step in range(_FEWEST_KNOTS):
        basis[np.arange(size), first + step] = weights[:, step]
    return basis


def smooth_noise(size: int, grain: float, chance: np.random.Generator, count: int = 1) -> Float32:
    """Return noise (count, size, size) with mean 0 and deviation 1 each.

    Parameters
    ----------
    size
        Side [pixels].
    grain
        Width of the grains [pixels], 2 or more.
    chance
        Draws.
    count
        How many fields.
    """
    basis = spline_basis(size, max(_FEWEST_KNOTS, round(size / grain) + 3))
    knots = chance.standard_normal((count, basis.shape[1], basis.shape[1]), dtype=np.float32)
    field = basis @ knots @ basis.T
    field -= field.mean(axis=(1, 2), keepdims=True)
    deviation = np.sqrt(np.einsum("nij,nij->n", field, field) / np.float32(size * size))
    scaled: Float32 = field / np.maximum(deviation, 1e-6)[:, None, None]
    return scaled


def fractal_noise(size: int, coarsest: float, chance: np.random.Generator) -> Float32:
    """Return Perlin texture (size, size) of deviation 1: octaves from grain `coarsest` [pixels] down, each weaker."""
    texture, weight, grain = np.zeros((size, size), np.float32), 1.0, coarsest
    fading = chance.uniform(0.4, 0.9)
    while grain >= 2:
        texture += np.float32(weight) * smooth_noise(size, grain, chance)[0]
        weight, grain = weight * fading, grain / 2
    scaled: Float32 = texture / max(float(texture.std()), 1e-6)
    return scaled


def displacement(size: int, grain: float, reach: float, chance: np.random.Generator) -> Float32:
    """Return a smooth displacement (2, size, size) along rows and columns.

    Smoothing shrinks noise without a word; the field is therefore scaled once it is smooth.

    Parameters
    ----------
    size, grain, chance
        See `smooth_noise`.
    reach
        Root mean square of the length of the displacement [pixels].
    """
    field: Float32 = smooth_noise(size, grain, chance, 2) * np.float32(reach / np.sqrt(2))
    return field
