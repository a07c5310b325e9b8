"""Shapes with soft edges: signed distances to bent ellipsoids and capsules in the world (RAS, mm)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float32 = NDArray[np.float32]


class Shape(Protocol):
    """A solid in the world."""

    def distance_mm(self, points: Float32) -> Float32:
        """Return the signed distance [mm], negative inside, at world positions (3, ...) [mm]."""
        ...

    def box_ras(self) -> NDArray[np.float64]:
        """Return the lowest and highest corner (2, 3) [mm] of a box around the solid."""
        ...


@dataclass(frozen=True, eq=False)
class Waves:
    """A smooth displacement of space: a few sine waves of random course.

    Parameters
    ----------
    numbers
        Wave vectors (n, 3) [rad/mm].
    phases
        Phases (n,) [rad].
    amplitudes
        Displacements (n, 3) [mm].
    """

    numbers: Float32
    phases: Float32
    amplitudes: Float32

    @classmethod
    def random(cls, rng: np.random.Generator, amplitude_mm: float, length_mm: float, count: int = 4) -> Waves:
        """Return `count` waves of about `length_mm` [mm] that move points by up to `amplitude_mm` [mm]."""
        directions = rng.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = length_mm * rng.uniform(0.8, 1.6, size=(count, 1))
        amplitudes = rng.uniform(-1, 1, size=(count, 3)) * amplitude_mm / np.sqrt(count)
        phases = rng.uniform(0, 2 * np.pi, size=count)
        numbers = 2 * np.pi * directions / lengths
        return cls(numbers.astype(np.float32), phases.astype(np.float32), amplitudes.astype(np.float32))

    def displaced(self, points: Float32) -> Float32:
        """Return the points (3, ...) [mm] after the displacement."""
        moved = points.copy()
        for number, phase, amplitude in zip(self.numbers, self.phases, self.amplitudes, strict=True):
            wave = np.sin(np.tensordot(number, points, axes=1) + phase)
            for axis in range(3):
                moved[axis] += amplitude[axis] * wave
        return moved

    @property
    def reach_mm(self) -> float:
        """Farthest displacement [mm]."""
        return float(np.abs(self.amplitudes).sum(axis=0).max())


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """A superellipsoid sum |p/r|^n = 1, turned and bent.

    Parameters
    ----------
    center
        Centre [mm].
    radii
        Half axes [mm].
    turn_degrees
        Turns about the world's x, y and z axis, in this order [degrees].
    exponent
        n: 2 is an ellipsoid, larger ones approach a box.
    waves
        Bends the surface; None leaves it smooth.
    """

    center: ArrayLike
    radii: ArrayLike
    turn_degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)
    exponent: float = 2.0
    waves: Waves | None = None

    def distance_mm(self, points: Float32) -> Float32:
        """Return the first-order distance (q - 1) / |grad q| to the surface q = 1 [mm], as in `Shape`."""
        moved = points if self.waves is None else self.waves.displaced(points)
        center = np.asarray(self.center, dtype=np.float32).reshape(3, *[1] * (points.ndim - 1))
        local = np.tensordot(turned(self.turn_degrees).T.astype(np.float32), moved - center, axes=1)
        radii = np.asarray(self.radii, dtype=np.float32).reshape(center.shape)
        scaled = np.abs(local / radii)
        below = scaled if self.exponent == 2 else scaled ** np.float32(self.exponent - 1)
        power = (below * scaled).sum(axis=0)
        q = power ** np.float32(1 / self.exponent)
        slope = np.sqrt(np.square(below / radii).sum(axis=0))
        tiny = np.float32(1e-6)  # at the centre everything vanishes, and the distance is the smallest radius
        distance = (q - 1) * (power / (q + tiny) + tiny) / (slope + tiny / radii.min())
        return np.asarray(distance, dtype=np.float32)

    def box_ras(self) -> NDArray[np.float64]:
        """Return the box around the turned solid, as in `Shape`."""
        bend = 0.0 if self.waves is None else self.waves.reach_mm
        dual = self.exponent / (self.exponent - 1)  # the farthest point along an axis, by Hoelder's inequality
        half = (np.abs(turned(self.turn_degrees) * np.asarray(self.radii)) ** dual).sum(axis=1) ** (1 / dual) + bend
        center = np.asarray(self.center, dtype=np.float64)
        return np.stack([center - half, center + half])


@dataclass(frozen=True, eq=False)
class Capsule:
    """A rod from `start` to `end` [mm] with round ends, its radius going from `radius` to `end_radius` [mm]."""

    start: ArrayLike
    end: ArrayLike
    radius: float
    end_radius: float

    def distance_mm(self, points: Float32) -> Float32:
        """Return the signed distance to the surface of the rod [mm], as in `Shape`."""
        start, end = (np.asarray(end, dtype=np.float32) for end in (self.start, self.end))
        along = end - start
        relative = points - start.reshape(3, *[1] * (points.ndim - 1))
        place = np.clip(np.tensordot(along / (along @ along), relative, axes=1), 0, 1)
        for axis in range(3):
            relative[axis] -= along[axis] * place
        distance = np.sqrt(np.square(relative).sum(axis=0))
        return np.asarray(distance - (self.radius + (self.end_radius - self.radius) * place), dtype=np.float32)

    def box_ras(self) -> NDArray[np.float64]:
        """Return the box around both ends, as in `Shape`."""
        ends = np.stack([np.asarray(self.start, dtype=np.float64), np.asarray(self.end, dtype=np.float64)])
        radius = max(self.radius, self.end_radius)
        return np.stack([ends.min(axis=0) - radius, ends.max(axis=0) + radius])


@dataclass(frozen=True, eq=False)
class Joined:
    """Several shapes that flow into each other over about `blend_mm` [mm], kept inside another one if given."""

    parts: tuple[Shape, ...]
    blend_mm: float
    inside: Shape | None = None

    def distance_mm(self, points: Float32) -> Float32:
        """Return the smooth minimum of the parts' distances (Quilez: polynomial), as in `Shape`."""
        joined = self.parts[0].distance_mm(points)
        for part in self.parts[1:]:
            other = part.distance_mm(points)
            mix = np.clip(0.5 + 0.5 * (other - joined) / self.blend_mm, 0, 1)
            joined = other + (joined - other) * mix - self.blend_mm * mix * (1 - mix)
        if self.inside is not None:
            joined = np.maximum(joined, self.inside.distance_mm(points))
        return np.asarray(joined, dtype=np.float32)

    def box_ras(self) -> NDArray[np.float64]:
        """Return the box around all parts, as in `Shape`."""
        boxes = np.stack([part.box_ras() for part in self.parts])
        return np.stack([boxes[:, 0].min(axis=0) - self.blend_mm, boxes[:, 1].max(axis=0) + self.blend_mm])


def turned(degrees: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the rotation (3, 3) by angles about x, then y, then z [degrees]."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        first, second = [n for n in range(3) if n != axis]
        sign = -1 if axis == 1 else 1  # a right-handed turn about y goes from z to x
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -sign * np.sin(angle), sign * np.sin(angle)
        matrix = turn @ matrix
    return matrix


def tube(path: ArrayLike, radii: ArrayLike) -> list[Capsule]:
    """Return the rods along a path (n, 3) [mm] with one radius per point (n,) [mm]."""
    points, widths = np.asarray(path, dtype=np.float64), np.broadcast_to(radii, len(np.asarray(path)))
    rods = zip(points[:-1], points[1:], widths[:-1], widths[1:], strict=True)
    return [Capsule(start, end, float(first), float(second)) for start, end, first, second in rods]
