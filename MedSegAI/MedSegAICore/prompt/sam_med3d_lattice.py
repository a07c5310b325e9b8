"""The grid that SAM-Med3D works on: points 1.5 mm apart along the axes of the image, towards R, A and S.

It begins at the corner of the image's first voxel, as where its authors resample, then take a cube of it
(arXiv:2310.15161, section 4.1, and their published inference). Arrays on it are indexed (i, j, k), unlike all others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry import Float64, VolumeGeometry
from ..volume import VolumePatch
from .segmenter import Float32

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lattice:
    """A grid of points over a canonical volume.

    Parameters
    ----------
    geometry
        The canonical volume: axes (k, j, i) towards superior, posterior, left.
    spacing_mm
        Distance between neighbouring points [mm].
    """

    geometry: VolumeGeometry
    spacing_mm: float = 1.5

    @cached_property
    def points_per_voxel(self) -> Float64:
        """Size of a voxel along (i, j, k), in steps of the grid."""
        return self.geometry.spacing_ijk / self.spacing_mm

    @cached_property
    def shape(self) -> Index:
        """Number of points along (i, j, k); one where the image has one voxel."""
        voxels = np.array(self.geometry.shape[::-1])
        points = np.ceil(voxels * self.points_per_voxel - 1e-9).astype(np.int64)
        return np.where(voxels == 1, 1, points)

    def points_at(self, ras: ArrayLike) -> Index:
        """Return the points (n, 3) nearest to world positions (n, 3) [mm]; those outside move to the border."""
        ijk = self.geometry.to_ijk(ras)
        last = np.array(self.geometry.shape[::-1]) - 1
        ijk[:, :2] = last[:2] - ijk[:, :2]  # left and posterior become right and anterior
        nearest = np.floor((ijk + 0.5) * self.points_per_voxel + 1e-7).astype(np.int64)
        return np.clip(nearest, 0, self.shape - 1)

    def cube(self, array: NDArray[Any], start: Index, size: int, check: Callable[[], None]) -> Float32:
        """Return a cube (size, size, size) of a canonical array (k, j, i), interpolated linearly; 0 outside of it.

        Parameters
        ----------
        array
            Values of the volume.
        start
            First point (i, j, k); it may lie outside.
        size
            Side of the cube [points].
        check
            Called before each layer; what it raises ends the work.
        """
        along_i, along_j, along_k = (self._taps(axis, int(start[axis]), size) for axis in range(3))
        cube = np.zeros((size, size, size), np.float32)
        for layer in np.flatnonzero(along_k.inside):
            check()
            low, high, share = along_k.low[layer], along_k.high[layer], along_k.share[layer]
            plane = array[low, along_j.span, along_i.span].astype(np.float32)
            if share > 0:
                plane += share * (array[high, along_j.span, along_i.span].astype(np.float32) - plane)
            cube[:, :, layer] = along_i.blend(along_j.blend(plane).T)
        return cube

    def to_volume(self, values: NDArray[Any], start: Index) -> VolumePatch:
        """Return the voxels whose nearest points are those of a box `values` (i, j, k) from `start` on."""
        taken, offset = [], []
        for axis in range(3):
            length = self.geometry.shape[2 - axis]
            nearest = np.floor((np.arange(length) + 0.5) * self.points_per_voxel[axis] + 1e-7).astype(np.int64)
            nearest = np.minimum(nearest, self.shape[axis] - 1) - start[axis]
            voxels = np.flatnonzero((nearest >= 0) & (nearest < values.shape[axis]))
            taken.append(nearest[voxels])
            first = int(voxels[0]) if voxels.size else 0
            offset.append(first if axis == 2 else length - first - voxels.size)
        array = values[np.ix_(*taken)].transpose(2, 1, 0)[:, ::-1, ::-1]
        return VolumePatch(np.ascontiguousarray(array), (offset[2], offset[1], offset[0]), self.geometry)

    def _taps(self, axis: int, start: int, size: int) -> _Taps:
        """Return how `size` points from `start` on are made of voxels along an axis of the canonical array."""
        points, length = np.arange(start, start + size), self.geometry.shape[2 - axis]
        position = (points + 0.5) / self.points_per_voxel[axis] - 0.5
        if self.shape[axis] == 1:
            position[:] = 0
        inside = (points >= 0) & (points < self.shape[axis]) & (position <= length - 0.5 + 1e-6)
        position = np.clip(position if axis == 2 else length - 1 - position, 0, length - 1)
        low = np.floor(position).astype(np.int64)
        return _Taps(inside, low, np.minimum(low + 1, length - 1), (position - low).astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Taps:
    """Two voxels for every point along one axis, and the share (n,) of the second; `inside` where there is any."""

    inside: NDArray[np.bool_]
    low: Index
    high: Index
    share: Float32

    @property
    def span(self) -> slice:
        """The voxels that are needed."""
        return slice(int(self.low.min()), int(self.high.max()) + 1)

    def blend(self, plane: Float32) -> Float32:
        """Return a plane (voxels, other) of the span as (points, other), 0 where nothing is."""
        first, second = plane[self.low - self.span.start], plane[self.high - self.span.start]
        blended: Float32 = (first + self.share[:, None] * (second - first)) * self.inside[:, None]
        return blended


def normalised(cube: Float32) -> Float32 | None:
    """Return a cube less the mean of its values above 0, in their standard deviations; None if these do not differ."""
    above = cube[cube > 0]
    if above.size < 2:
        return None
    deviation = above.std(ddof=1, dtype=np.float64)
    if not deviation > 0:
        return None
    result: Float32 = ((cube - above.mean(dtype=np.float64)) / deviation).astype(np.float32)
    return result
