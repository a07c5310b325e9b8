"""From one cube to a structure of any size: where it leaves a cube, the next one goes on.

The network sees 192 mm. Where the structure touches a face of a cube, a cube half a side further is asked about it:
by the person's clicks there, a click in the middle of what touches the face, and the logits of the first answer where
both overlap, which is how the network was trained to be asked again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..engine.run import Run
from .sam_med3d_clicks import Clicks, joined
from .sam_med3d_lattice import Index
from .segmenter import Float32, Mask

AnyValue = TypeVar("AnyValue", bound=np.generic)

MOST_CUBES = 24
"""A structure is followed into so many cubes at most; a larger one has rather leaked into its surroundings."""

SMALLEST_TOUCH = 16
"""Points on a face from which a structure goes on beyond it: the face of one cell of the network's own mask."""

STOPPED = "The structure seems to be very large, so it was not followed to its end. Add points where it is cut off."


@dataclass(frozen=True, eq=False)
class Cube:
    """One answer.

    Parameters
    ----------
    start
        First point (i, j, k) of the lattice.
    logits
        Low-resolution logits (side / 4, ...) that the network can be given back.
    probability
        (side, side, side) in [0, 1].
    quality
        What the network thinks of it.
    """

    start: Index
    logits: Float32
    probability: Float32
    quality: float

    @property
    def side(self) -> int:
        """Points along each axis."""
        return int(self.probability.shape[0])


@dataclass(frozen=True, eq=False)
class Question:
    """What a cube is asked that was moved after a structure.

    Parameters
    ----------
    start
        First point (i, j, k) of the lattice.
    clicks
        In points of the cube.
    logits
        Low-resolution logits of the answer before, 0 where there was none.
    known
        (side, side, side): where the answer before says that the structure is.
    """

    start: Index
    clicks: Clicks
    logits: Float32
    known: Mask


Answering = Callable[[Question, Run], Cube | None]
"""Answers a question; None where the image is empty."""


def follow(
    seeds: Sequence[Cube], clicks: Clicks, shape: Index, answer: Answering, run: Run
) -> tuple[list[Cube], tuple[str, ...]]:
    """Return the first cubes and those that their structure was followed into, and what to say of it.

    Parameters
    ----------
    seeds
        Answers to what a person has clicked.
    clicks
        All clicks, in points of the lattice.
    shape
        Number of points of the lattice along (i, j, k).
    answer
        The network.
    run
        Progress, and cancel between cubes.
    """
    cubes, visited = list(seeds), [seed.start for seed in seeds]
    waiting = deque((cube, _structure(cube, clicks)) for cube in seeds)
    while waiting:
        cube, structure = waiting.popleft()
        for question in _beyond(cube, structure, clicks, shape):
            if any(np.abs(question.start - start).max() < cube.side // 4 for start in visited):
                continue
            if len(visited) - len(seeds) >= MOST_CUBES:
                return cubes, (STOPPED,)
            done = 1 - 0.8 ** (len(visited) - len(seeds))
            visited.append(question.start)
            found = answer(question, run.part(done, 0.8 * done + 0.2))
            if found is None:
                continue
            inside = found.probability > 0.5
            kept = _connected(inside, question.known)
            if kept.any():
                found.probability[inside & ~kept] = 0  # what does not join the structure is something else
                cubes.append(found)
                waiting.append((found, kept))
    return cubes, ()


def blended(cubes: Sequence[Cube], shape: Index) -> tuple[Float32, Index]:
    """Return one probability (i, j, k) on a box of the lattice, and the first point of the box.

    Where cubes overlap, each counts by how deep in it a point lies, because a cube knows least at its faces.
    """
    side = cubes[0].side
    low = np.clip(np.min([cube.start for cube in cubes], axis=0), 0, shape)
    high = np.clip(np.max([cube.start + side for cube in cubes], axis=0), low, shape)
    total, weights = np.zeros(high - low, np.float32), np.zeros(high - low, np.float32)
    depth = np.minimum(np.arange(side) + 0.5, side - np.arange(side) - 0.5).astype(np.float32)
    for cube in cubes:
        first, last = np.clip(cube.start, low, high), np.clip(cube.start + side, low, high)
        into = tuple(slice(a, b) for a, b in zip(first - low, last - low, strict=True))
        out_of = tuple(slice(a, b) for a, b in zip(first - cube.start, last - cube.start, strict=True))
        along_i, along_j, along_k = (depth[cut] for cut in out_of)
        weight = along_i[:, None, None] * along_j[None, :, None] * along_k[None, None, :]
        total[into] += weight * cube.probability[out_of]
        weights[into] += weight
    if len(cubes) > 1:
        np.divide(total, weights, out=total, where=weights > 0)
        return total, low
    return cubes[0].probability[out_of], low


def _structure(cube: Cube, clicks: Clicks) -> Mask:
    """Return the parts of a first answer that hold a positive click."""
    here = clicks.within(cube.start, cube.side)
    clicked = np.zeros(cube.probability.shape, np.bool_)
    clicked[tuple(here.positions[here.positive].T)] = True
    return _connected(cube.probability > 0.5, clicked)


def _connected(mask: Mask, seeds: Mask) -> Mask:
    """Return the connected parts of a mask that hold a seed."""
    parts, count = ndimage.label(mask)
    kept = np.zeros(count + 1, np.bool_)
    kept[np.unique(parts[seeds])] = True
    kept[0] = False
    chosen: Mask = kept[parts]
    return chosen


def _beyond(cube: Cube, structure: Mask, clicks: Clicks, shape: Index) -> Iterator[Question]:
    """Yield what to ask beyond each face that the structure touches, the broadest touch first."""
    side = cube.side
    touched = []
    for axis in range(3):
        for is_far in (False, True):
            face = np.take(structure, -1 if is_far else 0, axis=axis)
            goes_on = cube.start[axis] + side < shape[axis] if is_far else cube.start[axis] > 0
            if goes_on and np.count_nonzero(face) >= SMALLEST_TOUCH:
                touched.append((-np.count_nonzero(face), axis, is_far, face))
    for _, axis, is_far, face in sorted(touched, key=lambda touch: touch[:3]):
        move = np.zeros(3, np.int64)
        move[axis] = side // 2 if is_far else -(side // 2)
        on_face = _deepest(face)
        click = np.insert(on_face, axis, side - 1 if is_far else 0) - move
        own = clicks.within(cube.start + move, side)
        asked = joined([own, Clicks(click[None], np.array([True]))])
        yield Question(cube.start + move, asked, _shifted(cube.logits, move // 4), _shifted(structure, move))


def _deepest(face: Mask) -> Index:
    """Return the point (2,) that lies deepest in a mask (rows, columns)."""
    depth = ndimage.distance_transform_edt(np.pad(face, 1))[1:-1, 1:-1]
    return np.array(np.unravel_index(int(np.argmax(depth)), depth.shape), dtype=np.int64)


def _shifted(values: NDArray[AnyValue], move: Index) -> NDArray[AnyValue]:
    """Return a cube of values as seen from a cube that was moved by some points; 0 where nothing is known."""
    moved = np.zeros_like(values)
    into, out_of = [], []
    for step, side in zip(move.tolist(), values.shape, strict=True):
        out_of.append(slice(max(step, 0), side + min(step, 0)))
        into.append(slice(max(-step, 0), side - max(step, 0)))
    moved[tuple(into)] = values[tuple(out_of)]
    return moved
