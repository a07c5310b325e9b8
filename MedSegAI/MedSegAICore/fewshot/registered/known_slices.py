"""Slices of a query on which somebody has said already where the structures are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...volume import ImageVolume

UNKNOWN = 255
"""In place of a class where nothing is known."""


@dataclass(frozen=True, eq=False)
class KnownSlice:
    """One slice of a canonical volume.

    Parameters
    ----------
    axis, place
        Which axis (k, j, i) it lies across, and which slice it is.
    classes
        uint8 (rows, columns): 1 for the first structure, and so on; 0 for the background.
    """

    axis: int
    place: int
    classes: NDArray[np.uint8]


def classes_on(
    grid: sitk.Image, coarse: sitk.Image, query: ImageVolume, known: Sequence[KnownSlice]
) -> NDArray[np.uint8]:
    """Return what is known on a box of a query, and `UNKNOWN` elsewhere; of two slices at one place the later counts.

    Parameters
    ----------
    grid
        The box.
    coarse
        The whole query with few voxels; its axes are those of `grid`.
    query, known
        The query, and slices of its canonical view.
    """
    found = np.full(sitk.GetArrayViewFromImage(grid).shape, UNKNOWN, dtype=np.uint8)
    if not known:
        return found
    # a voxel v of the query lies at start + scale * v on the grid
    share = np.array(coarse.GetSize()[::-1]) / np.array(query.canonical().geometry.shape)
    step = np.array(coarse.GetSpacing()[::-1]) / np.array(grid.GetSpacing()[::-1])
    origin = np.array(grid.TransformPhysicalPointToContinuousIndex(coarse.GetOrigin())[::-1])
    start, scale = origin + (0.5 * share - 0.5) * step, share * step
    for one in known:
        at = round(start[one.axis] + scale[one.axis] * one.place)
        if 0 <= at < found.shape[one.axis]:
            others = [axis for axis in range(3) if axis != one.axis]
            rows, columns = (
                np.rint((np.arange(found.shape[axis]) - start[axis]) / scale[axis]).clip(0, length - 1).astype(int)
                for axis, length in zip(others, one.classes.shape, strict=True)
            )
            np.moveaxis(found, one.axis, 0)[at] = one.classes[np.ix_(rows, columns)]
    return found


def structures_on(
    grid: sitk.Image, coarse: sitk.Image, query: ImageVolume, known: Sequence[KnownSlice]
) -> NDArray[np.bool_]:
    """Return where structures are known to be on a box of a query; arguments as for `classes_on`."""
    classes = classes_on(grid, coarse, query, known)
    return np.asarray((classes > 0) & (classes != UNKNOWN))
