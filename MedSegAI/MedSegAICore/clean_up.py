"""What is done to a finished mask on request."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .request import CleanUp
from .volume import VolumePatch

SMOOTHING_REACH = 3.0
"""A Gaussian is cut off at this many standard deviations."""


def cleaned(mask: VolumePatch, options: CleanUp) -> VolumePatch:
    """Return the mask (bool patch) after smoothing, hole filling and keeping the largest island.

    Smoothing is a Gaussian of standard deviation `smoothing_mm` [mm] cut at one half; across a patch that is
    one slice thick it works within the slice. Holes are what cannot be reached from outside; on a single slice
    they are filled within the slice.
    """
    mask = mask.tight()
    if mask.array.size == 0:
        return mask
    if options.smoothing_mm > 0:
        mask = _smoothed(mask, options.smoothing_mm)
    array = mask.array
    if options.fill_holes:
        array = _filled(array)
    if options.largest_island:
        array = largest_island(array)
    return VolumePatch(array, mask.offset, mask.geometry).tight()


def largest_island(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest set of voxels connected by faces."""
    islands, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(islands.ravel())[1:]
    return np.asarray(islands == 1 + int(np.argmax(sizes)))


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    thin = [axis for axis, size in enumerate(mask.shape) if size == 1]
    if not thin:
        return np.asarray(ndimage.binary_fill_holes(mask))
    flat = np.squeeze(mask, axis=thin[0])
    return np.expand_dims(ndimage.binary_fill_holes(flat), thin[0])


def _smoothed(mask: VolumePatch, sigma_mm: float) -> VolumePatch:
    sigma = sigma_mm / mask.geometry.spacing_kji
    sigma = np.where(np.array(mask.array.shape) == 1, 0, sigma)
    reach = np.ceil(SMOOTHING_REACH * sigma).astype(int)
    low = np.maximum(np.array(mask.offset) - reach, 0)
    high = np.minimum(np.array(mask.offset) + mask.array.shape + reach, mask.geometry.shape)
    room = np.zeros(tuple(high - low), dtype=np.float32)
    start = np.array(mask.offset) - low
    room[tuple(slice(a, a + n) for a, n in zip(start, mask.array.shape, strict=True))] = mask.array
    blurred = ndimage.gaussian_filter(room, sigma, mode="nearest", truncate=SMOOTHING_REACH)
    return VolumePatch(blurred >= 0.5, (int(low[0]), int(low[1]), int(low[2])), mask.geometry)
