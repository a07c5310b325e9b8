"""The intensities shown to a model when the user chose none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..request import IntensityWindow
from ..volume import ImageVolume

SOFT_TISSUE = IntensityWindow(-160.0, 240.0)
"""Level 40, width 400 [HU]: the window in which abdominal CT is read."""

SAMPLES = 500_000
"""Voxels looked at; enough for percentiles, little for a large volume."""


def automatic_window(image: ImageVolume) -> IntensityWindow:
    """Return the soft tissue window for CT, else the range between the 0.5 and 99.5 percentiles.

    CT is recognised by air: integers far below zero in a sizeable part of the image. A constant
    image gets a window around its value, of width 1 if its value leaves digits for that.
    """
    flat = image.array[:: max(1, image.array.shape[0] // 64)].reshape(-1)
    sample = flat[:: max(1, flat.size // SAMPLES)].astype(np.float64)
    if _looks_like_ct(sample):
        return SOFT_TISSUE
    inside = sample[sample != sample.min()]
    lower, upper = np.percentile(inside if inside.size else sample, (0.5, 99.5))
    if lower < upper:
        return IntensityWindow(float(lower), float(upper))
    lowest, highest = float(image.array.min()), float(image.array.max())
    if lowest < highest:
        return IntensityWindow(lowest, highest)
    half = max(0.5, 1e-6 * abs(lowest))
    return IntensityWindow(lowest - half, lowest + half)


def _looks_like_ct(sample: NDArray[Any]) -> bool:
    air = np.mean(sample < -700)
    dense = np.mean(sample > -200)
    lowest = float(sample.min())
    return bool(-5000 < lowest < -700 and air > 0.01 and dense > 0.05)
