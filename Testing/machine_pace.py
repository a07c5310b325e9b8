"""How fast this computer is at present, against the one on which limits of time were set.

Limits of seconds that are multiplied by it tell whether the project became slower, not whether the computer is slow or
shares its cores.
"""

from __future__ import annotations

import hashlib
import statistics
import time

import numpy as np
from scipy import ndimage

USUAL_SECONDS = 0.1
"""What the piece of work takes on a core that the limits are meant for [s]."""

REPEATS = 5


def pace() -> float:
    """Return how many times as long a piece of work takes here as where the limits were set; at least 1."""
    return max(1.0, statistics.median(_seconds() for _ in range(REPEATS)) / USUAL_SECONDS)


def _seconds() -> float:
    """Return the time of what our own code does most: distances, filters, copies, sorting, hashes [s]."""
    grid = np.indices((96, 96, 96), dtype=np.float32) - 48
    began = time.perf_counter()
    ball = np.square(grid).sum(axis=0) < 40**2
    inside = ndimage.distance_transform_edt(ball)
    smooth = ndimage.gaussian_filter(inside.astype(np.float32), 2)
    hashlib.blake2b(np.ascontiguousarray(smooth.T).data).digest()
    np.sort(smooth, axis=None)
    return time.perf_counter() - began
