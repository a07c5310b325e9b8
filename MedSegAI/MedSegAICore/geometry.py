"""Where voxels and pixels lie in the world.

The world is right-anterior-superior (RAS) in millimetres everywhere. Arrays are indexed (k, j, i).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import GeometryMismatch, ShearedGeometry

Float64 = NDArray[np.float64]
Triple = tuple[int, int, int]

SHEAR_TOLERANCE = 1e-3
"""Largest accepted cosine between two axes of a grid; NIfTI headers in float32 reach 1e-6."""

TURNED_BY_A_HAIR = np.array([[1, -0.003, 0.002], [0.003, 1, -0.001], [-0.002, 0.001, 1]])
"""Rotation by 0.06 to 0.17 degrees about each axis of the world, far more than rounding moves a direction."""

FARTHEST_VOXEL = 2**62
"""Positions beyond this voxel are taken to lie in it, because larger integers overflow."""


def as_points(points: ArrayLike) -> Float64:
    """Return `points` as a float array of shape (n, 3)."""
    array = np.atleast_2d(np.asarray(points, dtype=np.float64))
    if array.ndim != 2 or array.shape[1] != 3:
        message = f"Points need the shape (n, 3), not {array.shape}."
        raise GeometryMismatch(message, "Give three coordinates for each point.")
    return array


def frozen(array: ArrayLike, dtype: Any = np.float64) -> NDArray[Any]:
    """Return a read-only copy of `array`."""
    copy = np.array(array, dtype=dtype)
    copy.setflags(write=False)
    return copy


@dataclass(frozen=True, eq=False)
class VolumeGeometry:
    """The grid of a volume in the world.

    Parameters
    ----------
    shape
        Number of voxels along (k, j, i).
    ijk_to_ras
        Affine matrix (4, 4) from voxel centres (i, j, k) to the world [mm].

    Raises
    ------
    GeometryMismatch
        The matrix cannot be inverted or holds values that are not finite.
    ShearedGeometry
        The axes are not at right angles.
    """

    shape: Triple
    ijk_to_ras: Float64

    def __post_init__(self) -> None:
        matrix = frozen(self.ijk_to_ras)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            message = "The geometry of the volume is not a finite 4x4 matrix."
            raise GeometryMismatch(message, "Load the volume again or repair its header.")
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "ijk_to_ras", matrix)
        spacing = self.spacing_ijk
        if spacing.min() <= 1e-9 * max(spacing.max(), 1.0):
            message = "The volume has an axis without length."
            raise GeometryMismatch(message, "Load the volume again or repair its header.")
        axes = self.axes_ras
        cosine = np.abs(axes.T @ axes - np.eye(3)).max()
        if cosine > SHEAR_TOLERANCE:
            message = f"The axes of the volume are sheared (cosine {cosine:.3f} between two of them)."
            raise ShearedGeometry(message)

    @classmethod
    def from_components(
        cls,
        shape: Triple,
        spacing_ijk: ArrayLike = (1.0, 1.0, 1.0),
        origin_ras: ArrayLike = (0.0, 0.0, 0.0),
        axes_ras: ArrayLike | None = None,
    ) -> VolumeGeometry:
        """Build a geometry from spacing [mm], origin [mm] and unit axes (columns i, j, k of a 3x3 matrix)."""
        matrix = np.eye(4)
        axes = np.eye(3) if axes_ras is None else np.asarray(axes_ras, dtype=np.float64)
        matrix[:3, :3] = axes * np.asarray(spacing_ijk, dtype=np.float64)
        matrix[:3, 3] = np.asarray(origin_ras, dtype=np.float64)
        return cls(shape, matrix)

    @cached_property
    def ras_to_ijk(self) -> Float64:
        """Affine matrix (4, 4) from the world [mm] to voxel centres (i, j, k)."""
        return frozen(np.linalg.inv(self.ijk_to_ras))

    @cached_property
    def spacing_ijk(self) -> Float64:
        """Distance between voxel centres along (i, j, k) [mm]."""
        # rounded, so that copies of a volume in other storage orders have equal spacing
        return frozen(np.round(np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0), 12))

    @cached_property
    def spacing_kji(self) -> Float64:
        """Distance between voxel centres along (k, j, i) [mm]."""
        return frozen(self.spacing_ijk[::-1])

    @cached_property
    def axes_ras(self) -> Float64:
        """Unit directions of i, j, k in the world, as columns of a 3x3 matrix."""
        return frozen(self.ijk_to_ras[:3, :3] / self.spacing_ijk)

    def to_ras(self, ijk: ArrayLike) -> Float64:
        """Return the world positions (n, 3) [mm] of continuous voxel indices (n, 3) in i, j, k order."""
        return as_points(ijk) @ self.ijk_to_ras[:3, :3].T + self.ijk_to_ras[:3, 3]

    def to_ijk(self, ras: ArrayLike) -> Float64:
        """Return continuous voxel indices (n, 3) in i, j, k order of world positions (n, 3) [mm]."""
        return as_points(ras) @ self.ras_to_ijk[:3, :3].T + self.ras_to_ijk[:3, 3]

    def voxels_at(self, ras: ArrayLike) -> NDArray[np.int64]:
        """Return the voxels (n, 3) in k, j, i order that contain the world positions (n, 3) [mm].

        A position on the face between two voxels belongs to the one with the higher index. The result
        may lie outside the volume: see `contains`.
        """
        # the small step keeps a face that rounding errors moved by 1e-12 with its own voxel
        voxels = np.floor(self.to_ijk(ras) + 0.5 + 1e-7)
        return np.clip(voxels, -FARTHEST_VOXEL, FARTHEST_VOXEL).astype(np.int64)[:, ::-1]

    def contains(self, ras: ArrayLike) -> NDArray[np.bool_]:
        """Tell for each world position (n, 3) [mm] whether a voxel of the volume contains it."""
        voxels = self.voxels_at(ras)
        return np.asarray(((voxels >= 0) & (voxels < np.array(self.shape))).all(axis=1), dtype=np.bool_)

    def crop(self, offset: Triple, shape: Triple) -> VolumeGeometry:
        """Return the geometry of the box that starts at voxel `offset` (k, j, i) and has `shape` (k, j, i)."""
        matrix = np.array(self.ijk_to_ras)
        matrix[:3, 3] = self.to_ras(offset[::-1])[0]
        return VolumeGeometry(shape, matrix)

    def transformed(self, world_to_world: ArrayLike) -> VolumeGeometry:
        """Return this grid after a linear transform (4, 4) of the world."""
        return VolumeGeometry(self.shape, np.asarray(world_to_world, dtype=np.float64) @ self.ijk_to_ras)

    def matches(self, other: VolumeGeometry, tolerance_voxels: float = 1e-3) -> bool:
        """Tell whether `other` has the same shape and its corners lie within a fraction of a voxel of ours."""
        if self.shape != other.shape:
            return False
        corners = np.array(list(product(*[(0, max(n - 1, 1)) for n in self.shape[::-1]])), dtype=np.float64)
        distance = np.abs(self.to_ijk(other.to_ras(corners)) - corners).max()
        return bool(distance <= tolerance_voxels)

    @cached_property
    def canonical_axes(self) -> tuple[Triple, tuple[bool, bool, bool]]:
        """How to view an array (k, j, i) with axes running towards (superior, posterior, left).

        Returns
        -------
        axes, flips
            `array.transpose(axes)` brings the array axes nearest to S, P, L into that order, then each
            axis whose flip is true is reversed. Results computed on that view do not depend on how the
            voxels are stored, and its axial slices look as radiologists see them.
        """
        superior_posterior_left = np.array([[0, 0, 1], [0, -1, 0], [-1, 0, 0]])
        cosines = superior_posterior_left @ self.axes_ras[:, ::-1]  # rows S, P, L; columns k, j, i
        # A grid at 45 degrees is equally near to two of them. Turned by a hair it is not, so that rounding does not
        # decide, and copies of it in other storage orders agree.
        axes = _best_assignment(np.abs(superior_posterior_left @ TURNED_BY_A_HAIR @ self.axes_ras[:, ::-1]))
        flips = tuple(bool(cosines[row, axis] < 0) for row, axis in enumerate(axes))
        return axes, (flips[0], flips[1], flips[2])

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, for messages and recipes."""
        return {"shape": list(self.shape), "ijk_to_ras": self.ijk_to_ras.tolist()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> VolumeGeometry:
        """Return the geometry that `to_dict` described."""
        k, j, i = fields["shape"]
        return cls((k, j, i), np.asarray(fields["ijk_to_ras"], dtype=np.float64))


def _best_assignment(likeness: Float64) -> Triple:
    """Return for each row its own column so that the summed likeness is largest (3x3)."""
    orders: list[Triple] = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    return max(orders, key=lambda order: float(sum(likeness[row, column] for row, column in enumerate(order))))


def canonical_view(array: NDArray[Any], geometry: VolumeGeometry) -> NDArray[Any]:
    """Return a view of `array` (k, j, i) with axes running towards (superior, posterior, left)."""
    axes, flips = geometry.canonical_axes
    view = array.transpose(axes)
    return view[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]


def canonical_geometry(geometry: VolumeGeometry) -> VolumeGeometry:
    """Return the geometry of `canonical_view`."""
    axes, flips = geometry.canonical_axes
    shape_kji = np.array(geometry.shape)[list(axes)]
    to_old = np.zeros((4, 4))  # maps new (i, j, k, 1) to old (i, j, k, 1)
    to_old[3, 3] = 1.0
    for new_kji, (old_kji, flip) in enumerate(zip(axes, flips, strict=True)):
        to_old[2 - old_kji, 2 - new_kji] = -1.0 if flip else 1.0
        to_old[2 - old_kji, 3] = shape_kji[new_kji] - 1 if flip else 0
    return VolumeGeometry(tuple(shape_kji), geometry.ijk_to_ras @ to_old)


def from_canonical(array: NDArray[Any], geometry: VolumeGeometry) -> NDArray[Any]:
    """Return a view of a canonical `array` in the storage order of `geometry` (undoes `canonical_view`)."""
    axes, flips = geometry.canonical_axes
    view = array[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
    return view.transpose(tuple(int(n) for n in np.argsort(axes)))
