"""The part of a volume that a run works on, at the resolution it works at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from ...engine.run import Run
from ...geometry import Triple
from ...volume import VolumePatch, nonzero_bounds
from .arrays import Cut, Float32, Float64, Mask
from .geodesic import FAR

LARGEST = float(np.finfo(np.float32).max)
"""Larger intensities are taken for this one."""


@dataclass(frozen=True, eq=False)
class WorkRegion:
    """A box of a volume, averaged over blocks of voxels.

    Coordinates are millimetres along the volume's own axes (k, j, i), counted from the centre of its first
    voxel.

    Parameters
    ----------
    array
        Mean intensities of the blocks (k, j, i).
    offset
        First voxel of the box in the volume.
    shape
        Number of voxels of the box.
    factor
        Voxels per block along each axis.
    voxel_mm
        Size of a voxel of the volume [mm].
    """

    array: Float32
    offset: Triple
    shape: Triple
    factor: Triple
    voxel_mm: Float64

    @classmethod
    def of_volume(
        cls, array: NDArray[Any], voxel_mm: Float64, low_mm: Float64, high_mm: Float64, block_mm: float, run: Run
    ) -> WorkRegion:
        """Return the box between two corners, cut at the volume's border, in blocks of about `block_mm`."""
        low = np.clip(np.floor(low_mm / voxel_mm), 0, np.array(array.shape) - 1).astype(int)
        high = np.clip(np.ceil(high_mm / voxel_mm) + 1, low + 1, array.shape).astype(int)
        factor = np.maximum(1, np.floor(block_mm / voxel_mm + 0.5)).astype(int)
        cut = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        return cls(
            block_mean(array[cut], _triple(factor), run), _triple(low), _triple(high - low), _triple(factor), voxel_mm
        )

    @property
    def block_mm(self) -> Float64:
        """Size of a block along (k, j, i) [mm]."""
        return self.voxel_mm * self.factor

    @property
    def finest_mm(self) -> float:
        """Smallest side of a block [mm]."""
        return float(self.block_mm.min())

    @property
    def bounds(self) -> Cut:
        """Where the box lies in an array of the whole volume."""
        k, j, i = (slice(start, start + size) for start, size in zip(self.offset, self.shape, strict=True))
        return k, j, i

    def centres_mm(self) -> tuple[Float64, Float64, Float64]:
        """Return the coordinates of the block centres along (k, j, i), shaped to broadcast against each other."""
        k, j, i = (
            ((np.arange(n) + 0.5) * factor - 0.5 + start) * size
            for n, factor, start, size in zip(self.array.shape, self.factor, self.offset, self.voxel_mm, strict=True)
        )
        return k[:, None, None], j[None, :, None], i[None, None, :]

    def blocks_at(self, positions_mm: ArrayLike) -> NDArray[np.int64]:
        """Return the blocks (n, 3) nearest to positions (n, 3) [mm]; those outside move to the border."""
        voxels = np.atleast_2d(np.asarray(positions_mm, dtype=np.float64)) / self.voxel_mm - self.offset + 0.5
        blocks = np.floor(voxels / self.factor + 1e-9).astype(np.int64)
        return np.asarray(np.clip(blocks, 0, np.array(self.array.shape) - 1))

    def around(self, positions_mm: Float64, reach_mm: float) -> Cut:
        """Return the blocks within `reach_mm` of the box around positions (n, 3)."""
        blocks = self.blocks_at(positions_mm)
        reach = np.ceil(reach_mm / self.block_mm).astype(int) + 1
        low, high = np.maximum(blocks.min(axis=0) - reach, 0), blocks.max(axis=0) + reach + 1
        return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))  # type: ignore[return-value]

    def distance_mm(self, positions_mm: Float64) -> Float64:
        """Return the distance (k, j, i) of each block from the nearest of positions (n, 3) [mm]."""
        k, j, i = self.centres_mm()
        if len(positions_mm) == 1:
            z, y, x = positions_mm[0]
            return np.asarray(np.sqrt((k - z) ** 2 + (j - y) ** 2 + (i - x) ** 2))
        centres = np.stack(np.broadcast_arrays(k, j, i), axis=-1).reshape(-1, 3)
        return np.asarray(cKDTree(positions_mm).query(centres)[0]).reshape(self.array.shape)

    def distance_from_mm(self, blocks: Mask) -> Float64:
        """Return the distance (k, j, i) of each block from the nearest one of a mask with at least one [mm]."""
        return np.asarray(ndimage.distance_transform_edt(~blocks, sampling=self.block_mm))

    def border_distance_mm(self, inside: Mask) -> Float32:
        """Return the distance (k, j, i) of each block from the border of a mask of blocks, positive inside."""
        if inside.all():
            return np.full(inside.shape, FAR)
        distance = -self.distance_from_mm(inside)
        bounds = nonzero_bounds(inside)
        if bounds is None:
            return np.full(inside.shape, -FAR)
        around = tuple(slice(max(cut.start - 1, 0), cut.stop + 1) for cut in bounds)  # the inside's border lies in it
        distance[around] += ndimage.distance_transform_edt(inside[around], sampling=self.block_mm)
        return np.asarray(distance, dtype=np.float32)

    def reduced(self, patch: VolumePatch) -> Float32:
        """Return the block means of a patch of the volume; it is 0 beyond the patch."""
        return block_mean(patch.within(self.bounds), self.factor, Run())

    def voxels_around(self, blocks: Cut, margin: int) -> Cut:
        """Return the box's voxels that lie within one block and `margin` voxels of a cut of its blocks."""
        k, j, i = (
            slice(max((cut.start - 1) * factor - margin, 0), min((cut.stop + 1) * factor + margin, size))
            for cut, factor, size in zip(blocks, self.factor, self.shape, strict=True)
        )
        return k, j, i

    def repeated(self, values: Mask, voxels: Cut) -> Mask:
        """Return block values as values of some of the box's voxels, each that of its own block."""
        k, j, i = (np.arange(cut.start, cut.stop) // factor for cut, factor in zip(voxels, self.factor, strict=True))
        return np.asarray(values[np.ix_(k, j, i)])

    def enlarged(self, values: Float32, voxels: Cut, run: Run) -> Float32:
        """Return block values as values of some of the box's voxels, linear between block centres."""
        layers = _enlarged_along(values, 0, self.factor[0], voxels[0])
        fine = np.empty(tuple(cut.stop - cut.start for cut in voxels), dtype=np.float32)
        for index, layer in enumerate(layers):  # layer by layer: little memory, and a cancel is seen soon
            run.check()
            rows = _enlarged_along(layer, 0, self.factor[1], voxels[1])
            fine[index] = _enlarged_along(rows, 1, self.factor[2], voxels[2])
        return fine


def _triple(values: ArrayLike) -> Triple:
    k, j, i = (int(value) for value in np.asarray(values))
    return k, j, i


def block_mean(array: NDArray[Any], factor: Triple, run: Run) -> Float32:
    """Return the means over blocks of `factor` voxels; the last block repeats the border."""
    k, j, i = (-(-size // step) for size, step in zip(array.shape, factor, strict=True))
    means = np.empty((k, j, i), dtype=np.float32)
    for index in range(k):  # layer by layer: little memory, and a cancel is seen soon
        run.check()
        layer = array[index * factor[0] : (index + 1) * factor[0]]
        padding = [(0, factor[0] - len(layer)), (0, -layer.shape[1] % factor[1]), (0, -layer.shape[2] % factor[2])]
        blocks = np.pad(layer, padding, mode="edge").reshape(factor[0], j, factor[1], i, factor[2])
        means[index] = np.clip(blocks.mean(axis=(0, 2, 4), dtype=np.float64), -LARGEST, LARGEST)
    return means


def _enlarged_along(values: Float32, axis: int, factor: int, voxels: slice) -> Float32:
    index = np.arange(voxels.start, voxels.stop)
    if factor == 1:
        return np.take(values, index, axis)
    position = (index + 0.5) / factor - 0.5
    last = values.shape[axis] - 1
    below = np.clip(np.floor(position).astype(int), 0, last)
    above = np.minimum(below + 1, last)
    shape = [1] * values.ndim
    shape[axis] = len(index)
    share = np.clip(position - below, 0, 1).astype(np.float32).reshape(shape)
    lower, upper = np.take(values, below, axis), np.take(values, above, axis)
    upper -= lower
    upper *= share
    upper += lower
    return np.asarray(upper, dtype=np.float32)
