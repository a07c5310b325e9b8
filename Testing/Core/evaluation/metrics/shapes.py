"""Masks whose metrics are known, and pairs drawn by chance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def ball(shape: tuple[int, ...], spacing: tuple[float, ...], center: tuple[float, ...], radius: float) -> Mask:
    """Return all voxels with their centre at most `radius` [mm] from `center` [mm]; voxel 0 lies at 0 mm."""
    squared = sum(
        (axis * mm - at) ** 2
        for axis, mm, at in zip(np.ogrid[tuple(slice(n) for n in shape)], spacing, center, strict=True)
    )
    return squared <= radius**2


def random_pairs(count: int, seed: int) -> Iterator[tuple[Mask, Mask, tuple[float, float, float]]]:
    """Yield prediction, truth and spacing: blobs, noise, single voxels, empty masks, flat and full volumes."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        shape = tuple(int(n) for n in rng.integers(2, 11, size=3))
        spacing = tuple(float(mm) for mm in rng.uniform(0.4, 5, size=3))
        makers = [random_blob, random_noise, random_voxel, lambda shape, _: np.zeros(shape, bool)]
        makers.append(lambda shape, _: np.ones(shape, bool))
        first, second = rng.choice(5, size=2, p=(0.5, 0.2, 0.15, 0.1, 0.05))
        prediction, truth = makers[first](shape, rng), makers[second](shape, rng)
        yield (truth.copy() if index % 20 == 0 else prediction), truth, spacing


def random_blob(shape: tuple[int, ...], rng: np.random.Generator) -> Mask:
    center = tuple(rng.uniform(0, n) for n in shape)
    return ball(shape, (1.0, 1.0, 1.0), center, rng.uniform(1, 6))


def random_noise(shape: tuple[int, ...], rng: np.random.Generator) -> Mask:
    return rng.random(shape) < rng.uniform(0.05, 0.95)


def random_voxel(shape: tuple[int, ...], rng: np.random.Generator) -> Mask:
    mask = np.zeros(shape, bool)
    mask[tuple(rng.integers(n) for n in shape)] = True
    return mask
