"""Bodies by chance: layers, organs with parts, folded rims, bones, tubes, spots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...prompt.prompt_maps import disc_map
from ..example import BoolArray
from .canvas import Blob, Canvas, Distance, Template
from .fields import smooth_noise

_BENDS = 2
"""Fields of each grain that bend the shapes."""


def draw_template(size: int, chance: np.random.Generator) -> Template:
    """Return a body that nobody has, seen whole or from within.

    Parameters
    ----------
    size
        Side [pixels].
    chance
        Draws.
    """
    return _Anatomy(size, chance).draw()


class _Anatomy:
    """Paints one body."""

    def __init__(self, size: int, chance: np.random.Generator) -> None:
        self._canvas, self._chance, self._size = Canvas(size), chance, size
        self._bends = np.concatenate([smooth_noise(size, size / cut, chance, _BENDS) for cut in (3, 8)])

    def draw(self) -> Template:
        chance = self._chance
        cavity = self._body()
        if chance.random() < 0.35:
            self._divide(cavity, int(chance.integers(2, 6)))
        if chance.random() < 0.35:
            self._bones(cavity)
        for _ in range(int(chance.integers(2, 9))):
            self._organ(cavity)
        for _ in range(int(chance.choice([0, 1, 2, 4], p=[0.4, 0.25, 0.2, 0.15]))):
            self._tube(cavity)
        if chance.random() < 0.5:
            self._spots(cavity)
        return self._canvas.template()

    def _bent(self, distance: Distance, strength: float) -> Distance:
        """Return a distance to a shape whose border waves."""
        field = self._bends[int(self._chance.integers(len(self._bends)))]
        rows, columns = distance.values.shape
        row, column = self._chance.integers(self._size - np.array([rows, columns]) + 1)
        waves = field[row : row + rows, column : column + columns]
        return Distance(distance.bounds, distance.values + np.float32(strength) * waves)

    def _painted(self, distance: Distance, border: float, parent: int, label: int | None = None) -> int:
        """Paint what is nearer than `border`; return its label."""
        return self._canvas.paint(distance.values < border, parent, label, distance.bounds)

    def _body(self) -> int:
        """Paint skin, fat and muscle around a cavity, or fill everything; return the label of the innermost."""
        chance, size = self._chance, self._size
        if chance.random() < 0.3:
            return self._canvas.paint(np.ones((size, size), np.bool_), 0)
        radii = chance.uniform(0.33, 0.49, 2) * size
        centre = size / 2 + chance.normal(0, 0.03 * size, 2)
        outline = Blob(_pair(centre), _pair(radii), chance.uniform(0, np.pi), chance.uniform(2, 3.2))
        distance = self._bent(self._canvas.distance(outline), 0.03)
        border, inner = 1.0, 0
        for _ in range(int(chance.integers(1, 5))):
            inner = self._painted(distance, border, inner)
            border -= chance.uniform(0.02, 0.14)
        return inner

    def _divide(self, parent: int, count: int) -> None:
        """Fill a region with parts that touch each other."""
        fields = smooth_noise(self._size, self._size / self._chance.uniform(3, 8), self._chance, count)
        part = fields.argmax(axis=0)
        for number in range(1, count):
            self._canvas.paint(part == number, parent)

    def _organ(self, cavity: int) -> None:
        """Paint an organ, or a pair, and perhaps what is in it."""
        chance = self._chance
        longer = self._size * np.exp(chance.uniform(np.log(0.03), np.log(0.32)))
        radii = _pair(np.array([longer, longer * chance.uniform(0.45, 1)]))
        angle, exponent = chance.uniform(0, np.pi), float(chance.choice([2, 2, 2.6]))
        row, column = self._canvas.place(cavity, chance)
        strength, centres = chance.uniform(0, 0.25), [(row, column, angle)]
        if chance.random() < 0.2:  # the other of a pair
            centres.append((row, self._size - column, -angle))
        organ = None
        for row, column, turn in centres:
            distance = self._bent(self._canvas.distance(Blob((row, column), radii, turn, exponent)), strength)
            organ = self._painted(distance, 1, cavity, organ)
            self._inside(organ, distance, longer)

    def _inside(self, organ: int, distance: Distance, radius: float) -> None:
        """Paint layers, a folded rim, parts or spots in an organ."""
        chance = self._chance
        kind = chance.choice(["nothing", "layers", "folds", "parts", "spots"], p=[0.4, 0.25, 0.1, 0.1, 0.15])
        if kind == "layers":
            inner = organ
            for border in np.cumprod(chance.uniform(0.5, 0.92, int(chance.integers(1, 3)))):
                inner = self._painted(self._bent(distance, 0.05), border, inner)
        elif kind == "folds" and radius > 0.12 * self._size:
            folds = smooth_noise(self._size, chance.uniform(5, 12), chance)[0][distance.bounds]
            self._painted(Distance(distance.bounds, distance.values + np.float32(0.12) * folds), 0.75, organ)
        elif kind == "parts" and radius > 0.08 * self._size:
            self._divide(organ, int(chance.integers(2, 4)))
        elif kind == "spots":
            self._spots(organ)

    def _bones(self, cavity: int) -> None:
        """Paint one thick bone with marrow, or a row of small ones along an arc."""
        chance, size = self._chance, self._size
        if chance.random() < 0.5:
            radius = size * chance.uniform(0.05, 0.12)
            blob = Blob(self._canvas.place(cavity, chance), (radius, radius * chance.uniform(0.6, 1)), 0, 3)
            distance = self._bent(self._canvas.distance(blob), 0.08)
            self._painted(distance, chance.uniform(0.6, 0.9), self._painted(distance, 1, cavity))
            return
        angles = np.linspace(0, 2 * np.pi, int(chance.integers(6, 16)), endpoint=False) + chance.uniform(0, 1)
        reach, label = size * chance.uniform(0.22, 0.4, 2), None
        long, short = size * chance.uniform(0.02, 0.05), size * chance.uniform(0.01, 0.02)
        for angle in angles:
            centre = size / 2 + reach * np.array([np.sin(angle), np.cos(angle)])
            rib = Blob(_pair(centre), (long, short), angle + chance.normal(0, 0.2))
            label = self._painted(self._canvas.distance(rib), 1, cavity, label)

    def _tube(self, cavity: int) -> None:
        """Paint a bent tube that may thin out and branch."""
        chance, size = self._chance, self._size
        width = np.exp(chance.uniform(np.log(0.8), np.log(0.035 * size)))
        course = _course(np.array(self._canvas.place(cavity, chance)), size * chance.uniform(0.2, 0.9), chance)
        drawn = self._thick(course, width, width * chance.uniform(0.4, 1))
        for _ in range(int(chance.choice([0, 0, 1, 3]))):
            start = course[chance.integers(len(course))]
            drawn |= self._thick(_course(start, size * chance.uniform(0.1, 0.4), chance), 0.7 * width, 0.3 * width)
        tube = self._canvas.paint(drawn, cavity)
        if width > 4 and chance.random() < 0.5:
            self._canvas.paint(ndimage.binary_erosion(drawn, iterations=2), tube)

    def _thick(self, course: NDArray[np.float64], first: float, last: float) -> BoolArray:
        """Return a line that is `first` and in the end `last` pixels thick to each side."""
        shape, pieces = (self._size, self._size), np.array_split(course, 4)
        drawn = np.zeros(shape, np.bool_)
        for piece, radius in zip(pieces, np.linspace(first, last, 4), strict=True):
            drawn |= disc_map(piece[:: 2 if radius >= 1 else 1], round(2 * max(radius, 0.5)) / 2, shape) > 0
        return drawn

    def _spots(self, parent: int) -> None:
        """Paint small blobs: all of one label, or each of its own."""
        chance, size = self._chance, self._size
        one_label, label = chance.random() < 0.5, None
        for _ in range(int(chance.integers(1, 7))):
            radius = np.exp(chance.uniform(np.log(1.8), np.log(0.05 * size)))
            radii = (radius, radius * chance.uniform(0.6, 1))
            blob = Blob(self._canvas.place(parent, chance), radii, chance.uniform(0, np.pi))
            distance = self._bent(self._canvas.distance(blob), 0.15)
            label = self._painted(distance, 1, parent, label if one_label else None)


def _course(start: NDArray[np.float64], length: float, chance: np.random.Generator) -> NDArray[np.float64]:
    """Return points (n, 2) half a pixel apart along a line that keeps changing its direction."""
    steps = max(int(2 * length), 4)
    turns = ndimage.gaussian_filter1d(chance.standard_normal(steps), 0.1 * steps)
    turns *= chance.uniform(0.3, 2.5) / max(float(np.abs(turns).sum()) / 2, 1e-6)
    heading = chance.uniform(0, 2 * np.pi) + np.cumsum(turns)
    course: NDArray[np.float64] = start + 0.5 * np.cumsum(np.stack([np.sin(heading), np.cos(heading)], axis=1), axis=0)
    return course


def _pair(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
