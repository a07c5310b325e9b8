"""What a person points at: prompts in the world (RAS, mm), independent of any grid or model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .errors import InvalidRequest
from .geometry import Float64, VolumeGeometry, as_points, frozen
from .volume import VolumePatch


@dataclass(frozen=True, eq=False)
class SlicePlane:
    """An oriented plane in the world, as a slice view shows it.

    Parameters
    ----------
    origin_ras
        A point on the plane [mm].
    right_ras, down_ras
        Directions of the rows' and the columns' course in the picture. They are made unit and
        perpendicular; what is so already is kept as it is, so that a stored plane comes back bit for bit.
    """

    origin_ras: Float64
    right_ras: Float64
    down_ras: Float64

    def __post_init__(self) -> None:
        right, down = (np.asarray(v, dtype=np.float64).reshape(3) for v in (self.right_ras, self.down_ras))
        if not _are_orthonormal(right, down):
            right = _unit(right, "The plane's direction to the right")
            down = _unit(down - right * (right @ down), "The plane's direction downwards")
            down = _unit(down - right * (right @ down), "The plane's direction downwards")  # removes what rounding left
        object.__setattr__(self, "origin_ras", frozen(np.asarray(self.origin_ras).reshape(3)))
        object.__setattr__(self, "right_ras", frozen(right))
        object.__setattr__(self, "down_ras", frozen(down))

    @property
    def normal_ras(self) -> Float64:
        """Unit normal of the plane."""
        return np.cross(self.right_ras, self.down_ras)

    def distance_mm(self, ras: ArrayLike) -> Float64:
        """Return the signed distance (n,) of world positions (n, 3) from the plane [mm]."""
        return (as_points(ras) - self.origin_ras) @ self.normal_ras

    @classmethod
    def of_slice(cls, geometry: VolumeGeometry, axis: int, index: float) -> SlicePlane:
        """Return the plane of slice `index` along array axis `axis` (0 = k, 1 = j, 2 = i) of a grid."""
        across = 2 - axis
        right, down = [n for n in (0, 1, 2) if n != across]
        origin_ijk = np.zeros(3)
        origin_ijk[across] = index
        axes = geometry.axes_ras
        return cls(geometry.to_ras(origin_ijk)[0], axes[:, right], axes[:, down])


@dataclass(frozen=True, eq=False)
class PointPrompt:
    """A click at `position_ras` [mm]: inside the structure, or outside it if not `positive`."""

    position_ras: Float64
    positive: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "position_ras", _finite(self.position_ras, (3,), "A point"))


@dataclass(frozen=True, eq=False)
class BoxPrompt:
    """A box around the structure: flat on a slice, or with depth.

    Parameters
    ----------
    center_ras
        Centre [mm].
    size_mm
        Full edge lengths along the three axes [mm]; the third is 0 for a flat box.
    axes_ras
        Unit edge directions as columns of a 3x3 matrix; the third is the normal of a flat box.
    """

    center_ras: Float64
    size_mm: Float64
    axes_ras: Float64 | None = None

    positive = True

    def __post_init__(self) -> None:
        size = _finite(self.size_mm, (3,), "The size of a box")
        if (size < 0).any() or np.count_nonzero(size > 0) < 2:
            message = "A box needs an extent in at least two directions."
            raise InvalidRequest(message, "Draw the box again.")
        axes = np.eye(3) if self.axes_ras is None else self.axes_ras
        axes = _finite(axes, (3, 3), "The axes of a box")
        if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-4:
            message = "The axes of a box must be at right angles and of length one."
            raise InvalidRequest(message, "Draw the box again.")
        object.__setattr__(self, "center_ras", _finite(self.center_ras, (3,), "The centre of a box"))
        object.__setattr__(self, "size_mm", size)
        object.__setattr__(self, "axes_ras", axes)

    @classmethod
    def on_plane(cls, plane: SlicePlane, corner_ras: ArrayLike, opposite_ras: ArrayLike) -> BoxPrompt:
        """Return the flat box on `plane` between two opposite corners [mm]."""
        axes = np.stack([plane.right_ras, plane.down_ras, plane.normal_ras], axis=1)
        corners = (np.vstack([as_points(corner_ras), as_points(opposite_ras)]) - plane.origin_ras) @ axes
        corners[:, 2] = 0
        center = plane.origin_ras + axes @ corners.mean(axis=0)
        return cls(center, np.abs(corners[1] - corners[0]), axes)

    @classmethod
    def from_corners(cls, corner_ras: ArrayLike, opposite_ras: ArrayLike) -> BoxPrompt:
        """Return the box along the world's axes between two opposite corners [mm]."""
        corners = np.vstack([as_points(corner_ras), as_points(opposite_ras)])
        return cls(corners.mean(axis=0), np.abs(corners[1] - corners[0]))

    @property
    def is_flat(self) -> bool:
        """Whether the box lies on one slice."""
        return bool(self.size_mm[2] == 0)

    @property
    def plane(self) -> SlicePlane:
        """The plane through the centre that the third axis is the normal of."""
        assert self.axes_ras is not None  # noqa: S101  set in __post_init__; for the type checker
        return SlicePlane(self.center_ras, self.axes_ras[:, 0], self.axes_ras[:, 1])

    def corners_ras(self) -> Float64:
        """Return the eight corners (8, 3) [mm]; a flat box names each of its four twice."""
        assert self.axes_ras is not None  # noqa: S101  set in __post_init__; for the type checker
        signs = np.array(np.meshgrid((-0.5, 0.5), (-0.5, 0.5), (-0.5, 0.5))).reshape(3, -1).T
        return self.center_ras + (signs * self.size_mm) @ self.axes_ras.T


@dataclass(frozen=True, eq=False)
class ScribblePrompt:
    """A stroke through `points_ras` (n, 3) [mm] with a round pen of `radius_mm`."""

    points_ras: Float64
    radius_mm: float = 2.0
    positive: bool = True

    def __post_init__(self) -> None:
        points = as_points(self.points_ras)
        object.__setattr__(self, "points_ras", _finite(points, points.shape, "A scribble"))
        if not self.radius_mm >= 0:
            message = f"The radius of a scribble is {self.radius_mm} mm."
            raise InvalidRequest(message, "Choose a radius of 0 mm or more.")


@dataclass(frozen=True, eq=False)
class LassoPrompt:
    """A closed outline `points_ras` (n, 3) [mm], not all on one line, drawn on one plane; what it encloses is meant."""

    points_ras: Float64
    positive: bool = True

    def __post_init__(self) -> None:
        points = as_points(self.points_ras)
        if len(points) < 3:
            message = "A lasso needs at least three points."
            raise InvalidRequest(message, "Draw the lasso again.")
        points = _finite(points, points.shape, "A lasso")
        if np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[1] < 1e-6:
            message = "A lasso whose points lie on one line encloses nothing."
            raise InvalidRequest(message, "Draw the lasso again.")
        object.__setattr__(self, "points_ras", points)

    @property
    def plane(self) -> SlicePlane:
        """The plane that fits the outline best."""
        center = self.points_ras.mean(axis=0)
        _, _, directions = np.linalg.svd(self.points_ras - center)
        return SlicePlane(center, directions[0], directions[1])


@dataclass(frozen=True, eq=False)
class MaskPrompt:
    """An existing mask, on the grid of the image: a first guess, or what must stay outside."""

    patch: VolumePatch
    positive: bool = True


Prompt = PointPrompt | BoxPrompt | ScribblePrompt | LassoPrompt | MaskPrompt
"""Anything a person can point with."""


def _finite(values: ArrayLike, shape: tuple[int, ...], what: str) -> Float64:
    try:
        array = frozen(np.asarray(values, dtype=np.float64).reshape(shape))
    except (TypeError, ValueError) as error:
        message = f"{what} needs numbers of the shape {shape}."
        raise InvalidRequest(message) from error
    if not np.isfinite(array).all():
        message = f"{what} has coordinates that are not finite."
        raise InvalidRequest(message)
    return array


def _are_orthonormal(right: Float64, down: Float64) -> bool:
    errors = np.abs([right @ right - 1.0, down @ down - 1.0, right @ down])
    return bool((errors <= 1e-12).all())  # not so for NaN


def _unit(vector: Float64, what: str) -> Float64:
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length < 1e-9:
        message = f"{what} has no length."
        raise InvalidRequest(message)
    return vector / length
