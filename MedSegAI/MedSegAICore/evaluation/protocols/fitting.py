"""Masks stretched to another image's size, each voxel by its relative place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...geometry import Triple

Mask = NDArray[np.bool_]


def fitted(mask: Mask, shape: Triple) -> Mask:
    """Return a mask (k, j, i) stretched to `shape` by nearest voxels.

    A structure that falls between the voxels of the new shape keeps the one nearest to its middle.
    """
    if mask.shape == shape:
        return mask
    nearest = [
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.int64), old - 1)
        for old, new in zip(mask.shape, shape, strict=True)
    ]
    stretched = mask[np.ix_(*nearest)]
    if mask.any() and not stretched.any():
        middle = (np.argwhere(mask).mean(axis=0) + 0.5) * np.array(shape) / mask.shape
        stretched[tuple(np.minimum(middle.astype(np.int64), np.array(shape) - 1))] = True
    return stretched
