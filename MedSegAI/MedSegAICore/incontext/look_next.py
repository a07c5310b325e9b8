"""Which slice is worth looking at next: where the model is least sure of most pixels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..volume import VolumePatch

APART = 0.05
"""Slices that are ranked lie apart by this share of the volume at least: neighbours show the same."""


@dataclass(frozen=True, eq=False)
class DoubtfulSlice:
    """A slice to look at.

    Parameters
    ----------
    index
        Along the array axis that was asked for.
    doubt
        Sum of the uncertainty over its pixels [bits].
    position_ras
        Where the doubt is centred (3,) [mm].
    """

    index: int
    doubt: float
    position_ras: NDArray[np.float64]


def look_next(
    uncertainty: VolumePatch, axis: int, count: int = 5, seen: Collection[int] = ()
) -> tuple[DoubtfulSlice, ...]:
    """Return the slices that are worth looking at, the most doubtful first.

    Parameters
    ----------
    uncertainty
        Patch in [0, 1], as in a result.
    axis
        Array axis (k, j, i) across which the slices lie.
    count
        Number of slices, at most.
    seen
        Slices that the user has accepted: neither they nor their neighbours come up again.
    """
    length = uncertainty.geometry.shape[axis]
    doubts = np.zeros(length)
    others = tuple(other for other in range(3) if other != axis)
    doubts[uncertainty.bounds[axis]] = uncertainty.array.sum(axis=others, dtype=np.float64)
    reach = int(APART * length)
    for index in seen:
        doubts[max(0, index - reach) : index + reach + 1] = 0
    found: list[DoubtfulSlice] = []
    while len(found) < count and doubts.max(initial=0) > 0:
        index = int(doubts.argmax())
        found.append(DoubtfulSlice(index, float(doubts[index]), _centre(uncertainty, axis, index)))
        doubts[max(0, index - reach) : index + reach + 1] = 0
    return tuple(found)


def _centre(uncertainty: VolumePatch, axis: int, index: int) -> NDArray[np.float64]:
    plane = np.take(uncertainty.array, index - uncertainty.offset[axis], axis=axis).astype(np.float64)
    weights = [plane.sum(axis=1 - side) for side in (0, 1)]
    middle = [float(np.average(np.arange(len(weight)), weights=weight)) for weight in weights]
    voxel = np.array(uncertainty.offset, dtype=np.float64)
    voxel[[other for other in range(3) if other != axis]] += middle
    voxel[axis] = index
    position: NDArray[np.float64] = uncertainty.geometry.to_ras(voxel[::-1])[0]
    return position
