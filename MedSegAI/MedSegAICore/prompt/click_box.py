"""A box around what was clicked, for models that only know boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .picture import UInt8
from .segmenter import Mask

_SMOOTHING = 1.5  # [pixels]
_NEIGHBOURHOOD = 3  # half width of the patch around the click whose levels are learned [pixels]
_TOLERANCES = (3.0, 2.0, 1.4, 1.0, 0.7)  # in deviations of that patch, widest first
_LEAST_DEVIATION = 6.0  # [grey levels]
_LARGEST_PART = 0.2  # of the picture: a larger region has leaked into the surroundings
_MARGIN = 2  # [pixels]


def box_around_click(levels: UInt8, point_xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a box (4,) as (x, y, x, y) around the region that looks like a click's surroundings.

    Parameters
    ----------
    levels
        Picture (rows, columns) [0, 255].
    point_xy
        The click (2,) as (column, row) [pixels].

    Notes
    -----
    The region is connected to the click and keeps to the levels around it; the tolerance is tightened until
    the region is smaller than a fifth of the picture.
    """
    smooth = ndimage.gaussian_filter(levels.astype(np.float32), _SMOOTHING)
    row, column = (int(np.clip(round(point_xy[1 - axis]), 0, levels.shape[axis] - 1)) for axis in (0, 1))
    patch = smooth[
        max(0, row - _NEIGHBOURHOOD) : row + _NEIGHBOURHOOD + 1,
        max(0, column - _NEIGHBOURHOOD) : column + _NEIGHBOURHOOD + 1,
    ]
    difference = np.abs(smooth - smooth[row, column])
    deviation = max(float(patch.std()), _LEAST_DEVIATION)
    region = np.zeros(levels.shape, dtype=np.bool_)
    for tolerance in _TOLERANCES:
        parts, _ = ndimage.label(difference <= tolerance * deviation)
        region = ndimage.binary_fill_holes(parts == parts[row, column])
        if region.mean() <= _LARGEST_PART:
            break
    box: NDArray[np.float64] = bounding_box(region) + np.array([-_MARGIN, -_MARGIN, _MARGIN, _MARGIN])
    return box


def bounding_box(mask: Mask) -> NDArray[np.float64]:
    """Return the first and last column and row (x, y, x, y) of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1], rows[-1]], dtype=np.float64)
