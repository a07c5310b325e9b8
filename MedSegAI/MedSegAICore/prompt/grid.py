"""Slices as pictures: where each pixel lies in the world, and back into the volume.

Grids are made on the canonical volume, so that anterior or superior is at the top of the picture and the
patient's right at its left, however the voxels are stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import PromptOutsideImage
from ..geometry import Float64, VolumeGeometry, frozen
from ..prompts import SlicePlane
from ..volume import ImageVolume, VolumePatch

ALONG = {"axial": 0, "coronal": 1, "sagittal": 2}
"""Array axis of a canonical volume that runs across the slices of a direction."""

LARGEST_SIDE = 4096
"""An oblique picture has at most this many pixels along a side; its pixels grow beyond that."""


@dataclass(frozen=True, eq=False)
class SliceGrid:
    """The pixels of one slice in the world.

    Parameters
    ----------
    geometry
        The canonical volume that the slice cuts.
    shape
        Number of (rows, columns).
    origin_ras
        Centre of the first pixel [mm].
    steps_ras
        World step [mm] from one row to the next and from one column to the next, as columns (3, 2).
    aligned
        (axis, index) if the slice is one of the volume's own, else None.
    """

    geometry: VolumeGeometry
    shape: tuple[int, int]
    origin_ras: Float64
    steps_ras: Float64
    aligned: tuple[int, int] | None

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Distance between (rows, columns) [mm]."""
        row, column = np.round(np.linalg.norm(self.steps_ras, axis=0), 12)
        return float(row), float(column)

    @property
    def plane(self) -> SlicePlane:
        """The plane of the slice."""
        return SlicePlane(self.origin_ras, self.steps_ras[:, 1], self.steps_ras[:, 0])

    @property
    def layer(self) -> VolumeGeometry:
        """The picture as a volume of one slice: shape (1, rows, columns)."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack(
            [self.steps_ras[:, 1], self.steps_ras[:, 0], self.plane.normal_ras * min(self.spacing_mm)], axis=1
        )
        matrix[:3, 3] = self.origin_ras
        return VolumeGeometry((1, *self.shape), matrix)

    @property
    def half_thickness_mm(self) -> float:
        """How far a prompt may lie from the plane and still be on the slice [mm]."""
        return float(np.abs(self.plane.normal_ras @ self.geometry.axes_ras) @ self.geometry.spacing_ijk) / 2

    @property
    def key(self) -> str:
        """Identifies the slice within its volume."""
        if self.aligned is not None:
            return f"axis {self.aligned[0]} slice {self.aligned[1]}"
        return f"plane {frozen(self.origin_ras).tobytes().hex()} {frozen(self.steps_ras).tobytes().hex()} {self.shape}"

    def pixels_of(self, ras: ArrayLike) -> Float64:
        """Return the continuous (column, row) (n, 2) below world positions (n, 3) [mm]."""
        offset = np.atleast_2d(np.asarray(ras, dtype=np.float64)) - self.origin_ras
        squared = (self.steps_ras**2).sum(axis=0)
        row_column = offset @ self.steps_ras / squared
        return np.asarray(row_column[:, ::-1], dtype=np.float64)

    def on_slice(self, ras: ArrayLike) -> NDArray[np.bool_]:
        """Tell for each world position (n, 3) [mm] whether it lies within the slice's thickness."""
        return np.asarray(np.abs(self.plane.distance_mm(ras)) <= self.half_thickness_mm + 1e-6, dtype=np.bool_)

    def cut(self, array: NDArray[Any], outside: float = 0.0, order: int = 1) -> NDArray[Any]:
        """Return the picture (rows, columns) of a canonical array (k, j, i); `outside` fills what is beyond it."""
        if self.aligned is not None:
            axis, index = self.aligned
            view: NDArray[Any] = np.take(array, index, axis=axis)
            return view if axis == 0 else view[::-1]
        from scipy import ndimage  # takes half a second to open; who only asks where slices lie does without

        rows, columns = np.indices(self.shape, dtype=np.float64).reshape(2, -1)
        ras = self.origin_ras + np.stack([rows, columns], axis=1) @ self.steps_ras.T
        kji = self.geometry.to_ijk(ras)[:, ::-1].T
        if array.dtype in (np.float16, np.longdouble):  # which map_coordinates does not know
            array = array.astype(np.float32)
        picture = np.empty(kji.shape[1], dtype=np.float32 if order else array.dtype)
        ndimage.map_coordinates(array, kji, picture, order, mode="nearest", prefilter=False)
        faces = np.array(array.shape)[:, None] - 0.5
        picture[((kji < -0.5 - 1e-6) | (kji > faces + 1e-6)).any(axis=0)] = outside
        return picture.reshape(self.shape)

    def cut_patch(self, patch: VolumePatch) -> NDArray[Any]:
        """Return the picture (rows, columns) of a patch of the canonical volume; it is 0 beyond the patch."""
        if self.aligned is None:
            return self.cut(patch.full(), order=0)
        axis, index = self.aligned
        rows, columns = [other for other in range(3) if other != axis]
        picture = np.zeros((self.geometry.shape[rows], self.geometry.shape[columns]), dtype=patch.array.dtype)
        layer = index - patch.offset[axis]
        if 0 <= layer < patch.array.shape[axis]:
            bounds = patch.bounds
            picture[bounds[rows], bounds[columns]] = np.take(patch.array, layer, axis=axis)
        return picture if axis == 0 else picture[::-1]

    def paste(self, picture: NDArray[Any]) -> VolumePatch:
        """Return the voxels of the slice as a patch of the canonical volume.

        An oblique slice takes every voxel that the plane passes through, with the value of the pixel
        nearest to its centre, so that the slice has no gaps when it is looked at.
        """
        if self.aligned is not None:
            axis, index = self.aligned
            layer = np.expand_dims(picture if axis == 0 else picture[::-1], axis)
            k, j, i = (index if other == axis else 0 for other in range(3))
            return VolumePatch(np.ascontiguousarray(layer), (k, j, i), self.geometry)
        return self._paste_oblique(picture)

    def _paste_oblique(self, picture: NDArray[Any]) -> VolumePatch:
        kji = self._voxels_met()
        if len(kji) == 0:
            return VolumePatch(np.zeros((0, 0, 0), dtype=picture.dtype), (0, 0, 0), self.geometry)
        pixels = np.round(self.pixels_of(self.geometry.to_ras(kji[:, ::-1]))).astype(np.int64)
        # the plane passes through these voxels, but at the border some centres lie beside the picture
        pixels = pixels.clip(0, (self.shape[1] - 1, self.shape[0] - 1))
        first, last = kji.min(axis=0), kji.max(axis=0) + 1
        array = np.zeros(tuple(last - first), dtype=picture.dtype)
        array[tuple((kji - first).T)] = picture[pixels[:, 1], pixels[:, 0]]
        return VolumePatch(array, (int(first[0]), int(first[1]), int(first[2])), self.geometry)

    def _voxels_met(self) -> NDArray[np.int64]:
        """Return the voxels (n, 3) as (k, j, i) that the plane passes through.

        They are looked for along lines of voxels, of which each has a few at most.
        """
        steps = (self.plane.normal_ras @ self.geometry.ijk_to_ras[:3, :3])[::-1]
        across = int(np.argmax(np.abs(steps)))  # of equal steps any will do: all find the same voxels
        rows, columns = [axis for axis in range(3) if axis != across]
        in_row, in_column = (steps[axis] * np.arange(self.geometry.shape[axis]) for axis in (rows, columns))
        distance = self.plane.distance_mm(self.geometry.to_ras([[0, 0, 0]]))[0] + np.add.outer(in_row, in_column)
        center, reach = -distance / steps[across], (self.half_thickness_mm + 1e-6) / abs(steps[across])
        index = np.ceil(center - reach)[..., None] + np.arange(int(2 * reach) + 1)
        met = (index <= (center + reach)[..., None]) & (index >= 0) & (index < self.geometry.shape[across])
        kji = np.empty((np.count_nonzero(met), 3), dtype=np.int64)
        kji[:, rows], kji[:, columns], _ = np.nonzero(met)
        kji[:, across] = index[met]
        return kji


def grid_of_slice(geometry: VolumeGeometry, axis: int, index: int) -> SliceGrid:
    """Return the grid of slice `index` along `axis` of a canonical volume (0 = axial, 1 = coronal, 2 = sagittal)."""
    row_axis, column_axis = [other for other in range(3) if other != axis]
    first = [0, 0, 0]
    first[axis] = index
    steps = geometry.ijk_to_ras[:3, :3][:, [2 - row_axis, 2 - column_axis]].copy()
    if axis != 0:  # superior at the top
        first[row_axis] = geometry.shape[row_axis] - 1
        steps[:, 0] *= -1
    shape = (geometry.shape[row_axis], geometry.shape[column_axis])
    return SliceGrid(geometry, shape, geometry.to_ras(first[::-1])[0], frozen(steps), (axis, index))


def grid_of_plane(geometry: VolumeGeometry, plane: SlicePlane) -> SliceGrid:
    """Return the grid that shows `plane` through a canonical volume.

    A plane that stays within half a voxel of one slice all over is that slice.

    Raises
    ------
    PromptOutsideImage
        The plane does not meet the volume.
    """
    cosines = plane.normal_ras @ geometry.axes_ras
    axis = 2 - int(np.argmax(np.abs(cosines)))
    corners = np.array(list(product(*[(0, n - 1) for n in geometry.shape[::-1]])), dtype=np.float64)
    corners[:, 2 - axis] = 0
    along = -plane.distance_mm(geometry.to_ras(corners)) / (cosines[2 - axis] * geometry.spacing_ijk[2 - axis])
    if np.ptp(along) <= 0.5:
        index = int(np.floor(along.mean() + 0.5 + 1e-7))
        if 0 <= index < geometry.shape[axis]:
            return grid_of_slice(geometry, axis, index)
    return _oblique_grid(geometry, plane)


def _oblique_grid(geometry: VolumeGeometry, plane: SlicePlane) -> SliceGrid:
    corners = np.array(list(product(*[(-0.5, n - 0.5) for n in geometry.shape[::-1]])), dtype=np.float64)
    section = section_of(geometry.to_ras(corners), plane)
    if len(section) == 0:
        message = "The slice does not meet the image."
        raise PromptOutsideImage(message, "Choose a slice that shows the image.")
    axes = np.stack([plane.down_ras, plane.right_ras], axis=1)
    in_plane = (section - plane.origin_ras) @ axes
    low, extent = in_plane.min(axis=0), np.ptp(in_plane, axis=0)
    spacing = max(float(geometry.spacing_ijk.min()), float(extent.max()) / (LARGEST_SIDE - 1))
    rows, columns = (int(n) for n in np.floor(extent / spacing + 1e-6) + 1)
    origin = plane.origin_ras + axes @ low
    return SliceGrid(geometry, (rows, columns), frozen(origin), frozen(axes * spacing), None)


def section_of(corners_ras: Float64, plane: SlicePlane) -> Float64:
    """Return points (n, 3) [mm] whose hull is the section of a plane with the hull of `corners_ras` (n, 3)."""
    distance = plane.distance_mm(corners_ras)
    below, above = np.flatnonzero(distance < 0), np.flatnonzero(distance > 0)
    low, high = (index.ravel() for index in np.meshgrid(below, above))
    share = distance[low] / (distance[low] - distance[high])
    crossings = corners_ras[low] + share[:, None] * (corners_ras[high] - corners_ras[low])
    return np.concatenate([corners_ras[np.abs(distance) < 1e-6], crossings])


def cut_image(image: ImageVolume, grid: SliceGrid) -> NDArray[np.float32]:
    """Return the float32 picture (rows, columns) of a canonical image; beyond it lies its lowest value."""
    lowest = 0.0 if grid.aligned is not None else float(image.array.min())
    return np.ascontiguousarray(grid.cut(image.array, outside=lowest), dtype=np.float32)
