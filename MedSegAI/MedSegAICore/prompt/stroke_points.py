"""Points that stand for a stroke or an area, for models that only know clicks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .segmenter import Mask

POINTS_PER_STROKE = 5
_SHALLOWEST = 0.5  # of the deepest: the rim of a loosely drawn area may not belong to the structure
_GAP = 3.0  # smallest distance between two points, in half widths of the stroke


def stroke_points(mask: Mask) -> NDArray[np.float64]:
    """Return a few points (n, 2) as (column, row), deep inside each connected part of a mask and well apart.

    The first point of a part is its deepest, each next one the farthest from those before (Gonzalez 1985);
    a long stroke gives five points and a dot gives one.
    """
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    points = [_points_of_part(parts == part) for part in range(1, count + 1)]
    return np.concatenate([np.empty((0, 2)), *points])


def _points_of_part(part: Mask) -> NDArray[np.float64]:
    # what lies beyond the picture counts as outside
    depth = ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1]
    ridge = (depth >= ndimage.maximum_filter(depth, 3)) & (depth >= _SHALLOWEST * depth.max())
    rows, columns = np.nonzero(ridge)
    candidates = np.stack([columns, rows], axis=1).astype(np.float64)
    chosen = [int(np.argmax(depth[rows, columns]))]
    distance = np.linalg.norm(candidates - candidates[chosen[0]], axis=1)
    while len(chosen) < POINTS_PER_STROKE and distance.max() >= _GAP * depth.max():
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(candidates - candidates[chosen[-1]], axis=1))
    return candidates[chosen]
