"""Answers that need no look at the query: what any method from examples has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...engine.run import Run
from ...support import Support
from ...volume import ImageVolume
from .fitting import fitted

Mask = NDArray[np.bool_]


def mean_mask(supports: Sequence[Support], query: ImageVolume, run: Run) -> Mask:
    """Return where at least half of the examples have the structure, each stretched to the query's size (k, j, i)."""
    votes = np.zeros(query.geometry.shape, dtype=np.int32)
    for support in supports:
        run.check()
        votes += fitted(support.mask.full(), query.geometry.shape)
    return votes * 2 >= len(supports)


def first_mask(supports: Sequence[Support], query: ImageVolume, run: Run) -> Mask:
    """Return the mask of the first example, stretched to the query's size (k, j, i)."""
    run.check()
    return fitted(supports[0].mask.full(), query.geometry.shape)
