"""Resize pictures with cubic splines, as networks trained with scikit-image expect."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

UInt8 = NDArray[np.uint8]


def resize_cubic(levels: UInt8, shape: tuple[int, int]) -> UInt8:
    """Return a picture (rows, columns, channels) of another `shape` (rows, columns), as scikit-image would.

    That is `skimage.transform.resize` of order 3 with smoothing, cut (not rounded) to whole levels. Each side is
    scaled by its own factor; a side that shrinks is smoothed first. Where a level is whole but for rounding, it
    may come out one lower than in a colour picture of three equal channels.
    """
    channels = [_resized(channel.astype(np.float64), shape) for channel in np.moveaxis(levels, 2, 0)]
    resized: UInt8 = np.stack(channels, axis=2).clip(levels.min(), levels.max()).astype(np.uint8)
    return resized


def _resized(channel: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    factors = np.array(channel.shape) / np.array(shape)
    smooth = channel
    if (factors > 1).any():
        smooth = ndimage.gaussian_filter(channel, np.maximum(0, (factors - 1) / 2), mode="mirror")
    zooms = [1 / factor for factor in factors]
    resized: NDArray[np.float64] = ndimage.zoom(smooth, zooms, order=3, mode="mirror", grid_mode=True)
    return resized
