"""A label map that shapes are painted on, which remembers what lies in what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..example import BoolArray, Float32

Bounds = tuple[slice, slice]

EVERYWHERE: Bounds = (slice(None), slice(None))

LARGEST_LABEL = 255

_REACH = 1.5
"""Distances are known to so many times the longer radius of a blob."""

_TRIES = 64
"""Pixels looked at for one of a region, until all are searched."""


@dataclass(frozen=True, eq=False)
class Template:
    """A drawn body.

    Parameters
    ----------
    labels
        Label of each pixel (size, size); 0 is the background.
    parents
        For each label the one that it was painted in; 0 is its own.
    """

    labels: NDArray[np.uint8]
    parents: tuple[int, ...]

    def family(self, label: int) -> frozenset[int]:
        """Return a label and all that was painted in it."""
        return family_of(label, self.parents)


@dataclass(frozen=True)
class Blob:
    """A bent ellipse, in pixels.

    Parameters
    ----------
    centre, radii
        Along rows and columns before the turn.
    angle
        Of the turn [radians].
    exponent
        2 for an ellipse, more for a box with round corners.
    """

    centre: tuple[float, float]
    radii: tuple[float, float]
    angle: float = 0.0
    exponent: float = 2.0


@dataclass(frozen=True, eq=False)
class Distance:
    """How far pixels are from the middle of a shape.

    Parameters
    ----------
    bounds
        Rows and columns of the canvas near the shape.
    values
        Of these pixels, float32: 0 in the middle, 1 on the border, more outside.
    """

    bounds: Bounds
    values: Float32


class Canvas:
    """A label map in the making.

    Parameters
    ----------
    size
        Side [pixels].
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.labels = np.zeros((size, size), np.uint8)
        self._parents = [0]

    def template(self) -> Template:
        """Return what was painted."""
        return Template(self.labels.copy(), tuple(self._parents))

    def paint(self, shape: BoolArray, parent: int, label: int | None = None, bounds: Bounds = EVERYWHERE) -> int:
        """Paint the part of a shape that lies in `parent`, as a new label or as one that there is.

        Parameters
        ----------
        shape
            Pixels in `bounds`.
        parent
            Label that is painted on, with all that was painted in it.
        label
            What to paint; None for a new label.
        bounds
            Rows and columns of the canvas.

        Returns
        -------
        int
            The label.
        """
        if label is None:
            label = min(len(self._parents), LARGEST_LABEL)
            if label == len(self._parents):
                self._parents.append(parent)
        self.labels[bounds][shape & self._region(parent)[self.labels[bounds]]] = label
        return label

    def distance(self, blob: Blob) -> Distance:
        """Return the distance to the middle of a blob, far enough out for its border to wave."""
        bounds = tuple(self._reach(middle, _REACH * max(blob.radii)) for middle in blob.centre)
        rows, columns = (np.arange(cut.start, cut.stop, dtype=np.float32) for cut in bounds)
        rows, columns = rows[:, None] - np.float32(blob.centre[0]), columns - np.float32(blob.centre[1])
        cosine, sine = np.cos(blob.angle), np.sin(blob.angle)
        along = np.abs(np.float32(cosine / blob.radii[0]) * rows + np.float32(sine / blob.radii[0]) * columns)
        across = np.abs(np.float32(cosine / blob.radii[1]) * columns - np.float32(sine / blob.radii[1]) * rows)
        if blob.exponent == 2:
            return Distance((bounds[0], bounds[1]), np.sqrt(along * along + across * across))
        power = np.float32(blob.exponent)
        return Distance((bounds[0], bounds[1]), np.power(along**power + across**power, 1 / power, dtype=np.float32))

    def place(self, parent: int, chance: np.random.Generator) -> tuple[float, float]:
        """Return a pixel (row, column) of a region by chance, or the middle if nothing is seen of it."""
        inside = self._region(parent)
        tried = chance.integers(self.size, size=(2, _TRIES))
        found = np.flatnonzero(inside[self.labels[tried[0], tried[1]]])
        if len(found):
            return float(tried[0, found[0]]), float(tried[1, found[0]])
        pixels = np.flatnonzero(inside[self.labels])
        if not len(pixels):
            return self.size / 2, self.size / 2
        row, column = divmod(int(chance.choice(pixels)), self.size)
        return float(row), float(column)

    def _region(self, label: int) -> BoolArray:
        """Return of each label whether it belongs to the family of one."""
        chosen = np.zeros(LARGEST_LABEL + 1, np.bool_)
        chosen[list(family_of(label, self._parents))] = True
        return chosen

    def _reach(self, middle: float, reach: float) -> slice:
        first, last = int(middle - reach), int(middle + reach + 2)
        return slice(min(max(first, 0), self.size), min(max(last, 0), self.size))


def family_of(label: int, parents: Sequence[int]) -> frozenset[int]:
    """Return a label and all that was painted in it."""
    members = {label}
    for child, parent in enumerate(parents):  # children come after their parents
        if child and parent in members:
            members.add(child)
    return frozenset(members)
