"""Smooth random displacements: masks as wrong as registered ones are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...engine.run import Run
from .grids import Float32

SMOOTHNESS = 0.35
"""Standard deviation of the noise that becomes a displacement, as share of the structure's extent."""

SHIFT_SHARE = 0.5
"""Size of the common shift beside the local displacement."""

SEARCH_STEPS = 8


def warped_to_overlap(masks: Float32, overlap: float, rng: np.random.Generator, run: Run | None = None) -> Float32:
    """Return soft masks moved by a random smooth displacement, so far that they overlap the old ones by so much.

    Parameters
    ----------
    masks
        Structures (structures, ...) with values from 0 to 1; all move together.
    overlap
        Soft Dice of what is moved with what was there (0, 1): as of masks that come from a registration.
    rng
        Draws the displacement.
    run
        Cancel; it is looked at between parts of a second.
    """
    if not masks.any():  # specks can be lost between the voxels of a coarser grid
        return masks
    run = run or Run()
    extent = float(np.mean([np.ptp(where) + 1 for where in np.nonzero(masks.any(axis=0))]))
    direction = random_displacement(masks.shape[1:], max(1.0, SMOOTHNESS * extent), rng, run)
    low, high = 0.0, extent
    for _ in range(SEARCH_STEPS):
        size = (low + high) / 2
        moved = displaced(masks, size * direction, run)
        low, high = (size, high) if _overlap(masks, moved) > overlap else (low, size)
    return moved


def random_displacement(
    shape: tuple[int, ...], sigma: float, rng: np.random.Generator, run: Run | None = None
) -> Float32:
    """Return a smooth field (axes, ...) [voxels] whose local part has the standard deviation 1, and a common shift."""
    run, parts = run or Run(), []
    for _ in shape:
        run.check()
        parts.append(ndimage.gaussian_filter(rng.standard_normal(shape), sigma))
    field = np.stack(parts)
    field -= field.mean(axis=tuple(range(1, field.ndim)), keepdims=True)
    field /= field.std() + 1e-12  # smoothing leaves almost nothing of noise
    shift = rng.uniform(-1, 1, len(shape)) * 2 * SHIFT_SHARE
    return np.asarray(field + shift.reshape(-1, *[1] * len(shape)), dtype=np.float32)


def displaced(masks: Float32, displacement: Float32, run: Run) -> Float32:
    """Return soft masks (structures, ...) read at displaced positions; 0 outside."""
    positions = np.indices(masks.shape[1:], dtype=np.float32) + displacement
    moved = []
    for mask in masks:
        run.check()
        moved.append(ndimage.map_coordinates(mask, positions, order=1))
    return np.stack(moved)


def _overlap(one: Float32, other: NDArray[np.float32]) -> float:
    return float(2 * np.minimum(one, other).sum() / max(float(one.sum() + other.sum()), 1e-9))
