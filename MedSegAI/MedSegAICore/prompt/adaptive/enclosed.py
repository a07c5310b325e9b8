"""What a box or a lasso says about each block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from ...engine.run import Run
from .arrays import Float32, Mask
from .evidence import Enclosure
from .region import WorkRegion


@dataclass(frozen=True, eq=False)
class Enclosed:
    """An enclosure on the blocks of a region."""

    depth: Float32
    """1 at the centre, 0 on the inscribed ellipse, negative beyond."""
    fading: Float32
    """Log odds (0 or less) that fall across the slices of a flat one."""
    beyond_mm: Float32
    """Distance from the enclosure within its plane [mm]."""
    across_mm: Float32
    """Distance from its plane, or from its depth [mm]."""
    layer: Mask
    """Blocks of its slice (of all slices that a deep one passes)."""
    inside: Mask
    """Blocks of its layer that it encloses."""


def enclosed_blocks(enclosure: Enclosure, region: WorkRegion, extent_mm: float, run: Run) -> Enclosed:
    centres = region.centres_mm()
    along = [
        reduce(
            np.add,
            [
                (centre - origin) * share
                for centre, origin, share in zip(centres, enclosure.centre_mm, direction, strict=True)
                if abs(share) > 1e-6  # keeps the arrays small where the box is parallel to the axes
            ],
        )
        for direction in enclosure.axes.T
    ]
    half = np.maximum(enclosure.half_mm, 1e-6)
    squared = (along[0] / half[0]) ** 2 + (along[1] / half[1]) ** 2
    beyond = np.sqrt(sum(np.maximum(np.abs(along[axis]) - half[axis], 0) ** 2 for axis in (0, 1)))
    run.check()
    within = (np.abs(along[0]) < half[0]) & (np.abs(along[1]) < half[1])
    if enclosure.is_flat:
        across = np.abs(along[2])
        thickness = max(enclosure.half_thickness_mm, 0.5 * float(region.block_mm @ np.abs(enclosure.axes[:, 2])))
        layer = across <= thickness + 1e-6
        depth = 1 - squared
        fading = -0.5 * (across / (0.15 * extent_mm + thickness)) ** 2
    else:
        across = np.maximum(np.abs(along[2]) - half[2], 0)
        layer = np.ones(region.array.shape, dtype=np.bool_)
        depth = 1 - squared - (along[2] / half[2]) ** 2
        fading = np.zeros_like(across)
        within = within & (across == 0)
    run.check()
    shape = region.array.shape
    layer, depth = np.broadcast_to(layer, shape), np.broadcast_to(depth, shape).astype(np.float32)
    inside = np.broadcast_to(within, shape) & layer
    if enclosure.drawn_mm is not None:
        inside = np.zeros(shape, dtype=np.bool_)
        inside[tuple(region.blocks_at(enclosure.drawn_mm).T)] = True
        depth = np.where(layer, np.where(inside, np.float32(1), np.float32(-1)), depth)
    if not inside.any():
        inside[tuple(region.blocks_at(enclosure.centre_mm)[0])] = True
    return Enclosed(
        depth,
        np.broadcast_to(fading, shape).astype(np.float32),
        np.broadcast_to(beyond, shape).astype(np.float32),
        np.broadcast_to(across, shape).astype(np.float32),
        layer,
        inside,
    )
