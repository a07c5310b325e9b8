"""What people might click, draw and frame, by chance: first prompts of a structure, and corrections of a result.

The scribbles follow the three kinds of ScribblePrompt (Wong et al., ECCV 2024): along the middle, across at random,
and along the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..prompt.prompt_maps import CLICK_RADIUS, PromptMaps, disc_map, line_pixels
from ..prompt.segmenter import SlicePrompts
from .example import BoolArray, Float32

Pixels = NDArray[np.int64]

STROKE_RADII = (0.0, 1.0, 1.0, 1.5, 2.0)
"""Half widths of scribbles [pixels]; each draw takes one."""

EXACT_BOXES = 0.4
"""Share of the boxes that fit exactly."""

BOX_JITTERS = (0.02, 0.04)
"""Standard deviations by which each side of the others misses, as shares of the box's extent."""

FARTHEST_SIDE = 0.1
"""How far a side misses at most, as a share of the box's extent; a pixel more is always possible."""

SCRIBBLED_CORRECTIONS = 0.3
"""Share of the corrections that are scribbles."""

_RIM = 6
"""Clicks outside lie up to so many pixels from the structure, or anywhere."""

_LONGEST_LINE = 250
"""Nobody draws longer along a border [pixels]."""

_LINE_POINTS = 8
"""Points of a line along the middle; between them it is straight."""

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class _Region:
    """Pixels that are pointed at.

    Parameters
    ----------
    mask
        (rows, columns), not empty.
    """

    mask: BoolArray

    @cached_property
    def pixels(self) -> Pixels:
        """All of them (n, 2) as (row, column)."""
        return np.argwhere(self.mask)

    @cached_property
    def depth(self) -> Float32:
        """Distance to the border (rows, columns) [pixels], 0 outside; the picture's edge is border as well."""
        low, high = self.pixels.min(axis=0), self.pixels.max(axis=0) + 1
        box = np.s_[low[0] : high[0], low[1] : high[1]]
        depth = np.zeros(self.mask.shape, np.float32)
        depth[box] = ndimage.distance_transform_edt(np.pad(self.mask[box], 1))[1:-1, 1:-1]
        return depth


class _Drawing:
    """Prompts of a picture, one after the other."""

    def __init__(self, mask: BoolArray) -> None:
        self.box: NDArray[np.float64] | None = None
        self._shape = (mask.shape[0], mask.shape[1])
        self._clicks: list[tuple[Pixels, bool]] = []
        self._strokes: dict[bool, BoolArray] = {}

    def click(self, pixel: Pixels, *, positive: bool) -> None:
        self._clicks.append((pixel[0], positive))

    def scribble(self, pixels: Pixels, radius: float, *, positive: bool) -> None:
        drawn = disc_map(pixels, radius, self._shape) > 0
        self._strokes[positive] = drawn | self._strokes.get(positive, np.zeros(self._shape, np.bool_))

    def prompts(self) -> SlicePrompts:
        points = np.array([pixel[::-1] for pixel, _ in self._clicks], dtype=np.float64).reshape(-1, 2)
        signs = np.array([positive for _, positive in self._clicks], dtype=np.bool_)
        return SlicePrompts(points, signs, self.box, self._strokes.get(True), self._strokes.get(False))


def first_prompts(mask: BoolArray, chance: np.random.Generator, *, framed: bool = False) -> SlicePrompts:
    """Return a box, one to three clicks, a scribble, or some of these together, in pixels of the picture.

    Parameters
    ----------
    mask
        What is pointed at (rows, columns); not empty.
    chance
        Draws.
    framed
        A box takes part in any case: nothing else says that several parts are meant.
    """
    drawing, region = _Drawing(mask), _Region(mask)
    shares = (0.6, 0.0, 0.0, 0.4) if framed else (0.3, 0.35, 0.15, 0.2)
    kind = chance.choice(["box", "clicks", "scribble", "several"], p=shares)
    several = kind == "several"
    if kind == "box" or (several and (framed or chance.random() < 0.5)):
        drawing.box = _box(region, chance)
    if kind == "clicks" or several:
        for _ in range(int(chance.choice([1, 2, 3], p=[0.7, 0.2, 0.1]))):
            drawing.click(_click(region, chance), positive=True)
    if kind == "scribble" or (several and chance.random() < 0.3):
        drawing.scribble(*_scribble(region, chance), positive=True)
    if several or (kind != "box" and chance.random() < 0.1):
        _keep_out(drawing, mask, chance)
    return drawing.prompts()


def next_prompts(maps: PromptMaps, mask: BoolArray, predicted: BoolArray, chance: np.random.Generator) -> PromptMaps:
    """Return the prompts with a click or scribble added in the largest region that is wrong.

    Parameters
    ----------
    maps
        What was said before.
    mask, predicted
        What is wanted and what was found (rows, columns).
    chance
        Draws.

    Returns
    -------
    PromptMaps
        The same maps if nothing is wrong.
    """
    missed, added = _largest_part(mask & ~predicted), _largest_part(predicted & ~mask)
    positive = np.count_nonzero(missed) >= np.count_nonzero(added)
    error = missed if positive else added
    if not error.any():
        return maps
    region = _Region(error)
    if chance.random() < SCRIBBLED_CORRECTIONS:
        return maps.with_marks(*_scribble(region, chance), positive=bool(positive))
    return maps.with_marks(_click(region, chance), CLICK_RADIUS, positive=bool(positive))


def _largest_part(mask: BoolArray) -> BoolArray:
    parts, count = ndimage.label(mask, _EIGHT_NEIGHBOURS)
    if count <= 1:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    part: BoolArray = parts == sizes.argmax()
    return part


def _box(region: _Region, chance: np.random.Generator) -> NDArray[np.float64]:
    """Return first and last column and row (4,) of a box that fits, or whose sides miss as a hand does."""
    low, high = region.pixels.min(axis=0), region.pixels.max(axis=0)
    if chance.random() >= EXACT_BOXES:
        extent = high - low + 1
        most, deviation = FARTHEST_SIDE * extent + 1, np.maximum(chance.choice(BOX_JITTERS) * extent, 0.5)
        missed = np.clip(chance.normal(0, deviation, (2, 2)), -most, most)
        # a hand rather frames too much than too little
        first, last = np.rint(low + missed[0] - 0.01 * extent), np.rint(high + missed[1] + 0.01 * extent)
        low = np.clip(first, 0, high).astype(np.int64)
        high = np.clip(last, low, np.array(region.mask.shape) - 1).astype(np.int64)
    return np.array([low[1], low[0], high[1], high[0]], dtype=np.float64)


def _click(region: _Region, chance: np.random.Generator) -> Pixels:
    """Return a pixel (1, 2): mostly deep inside, sometimes anywhere."""
    depths = region.depth[tuple(region.pixels.T)]
    least = chance.uniform(0.3, 1) * depths.max() if chance.random() < 0.75 else 0
    candidates = region.pixels[depths >= least - 1e-6]
    one: Pixels = candidates[chance.integers(len(candidates))][None]
    return one


def _scribble(region: _Region, chance: np.random.Generator) -> tuple[Pixels, float]:
    """Return the middle (n, 2) of a scribble of one of three kinds, which stays in the region, and its half width."""
    kind = (_middle_line, _random_line, _border_line)[int(chance.integers(3))]
    return kind(region, chance), float(chance.choice(STROKE_RADII))


def _middle_line(region: _Region, chance: np.random.Generator) -> Pixels:
    """Return a line along a part of the ridge of the depth."""
    ridge = (region.depth >= ndimage.maximum_filter(region.depth, 3)) & (region.depth >= 0.3 * region.depth.max())
    part = _part_of(np.argwhere(ridge), chance)
    corners = part[:: max(len(part) // _LINE_POINTS, 1)]
    return _within(line_pixels(corners[_short_way(corners)]), region)


def _border_line(region: _Region, chance: np.random.Generator) -> Pixels:
    """Return a part of a line that keeps its distance to the border."""
    level = chance.uniform(0.2, 0.7) * region.depth.max()
    line = np.argwhere((np.abs(region.depth - max(level, 1)) <= 0.6) & (region.depth > 0))
    return _part_of(line if len(line) else region.pixels[:1], chance)


def _random_line(region: _Region, chance: np.random.Generator) -> Pixels:
    """Return a bent line between two pixels, without what leaves the region."""
    ends = region.pixels[chance.integers(len(region.pixels), size=2)].astype(np.float64)
    bend = chance.normal(0, 0.25, 2) * np.linalg.norm(ends[1] - ends[0])
    share = np.linspace(0, 1, 9)[:, None]
    curve = (1 - share) * ends[0] + share * ends[1] + 4 * share * (1 - share) * bend
    return _within(line_pixels(curve), region)


def _short_way(points: Pixels) -> list[int]:
    """Return an order of points (n, 2) in which each is followed by the nearest of the rest."""
    squares = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    order, left = [0], list(range(1, len(points)))
    while left:
        order.append(min(left, key=squares[order[-1]].item))
        left.remove(order[-1])
    return order


def _within(line: Pixels, region: _Region) -> Pixels:
    """Return the pixels of a line that lie in a region."""
    rows, columns = np.clip(line, 0, np.array(region.depth.shape) - 1).T
    inside = region.depth[rows, columns] > 0
    return np.stack([rows[inside], columns[inside]], axis=1)


def _part_of(line: Pixels, chance: np.random.Generator) -> Pixels:
    """Return the pixels of a line around one of them."""
    distance = np.linalg.norm(line - line[chance.integers(len(line))], axis=1)
    longest = distance.max() if len(line) <= _LONGEST_LINE else np.partition(distance, _LONGEST_LINE)[_LONGEST_LINE]
    part: Pixels = line[distance <= chance.uniform(0.2, 1) * longest]
    return part


def _keep_out(drawing: _Drawing, mask: BoolArray, chance: np.random.Generator) -> None:
    """Add a click or scribble outside, near the structure or anywhere."""
    outside = ~mask
    if chance.random() < 0.7:
        near = outside & (ndimage.maximum_filter(mask, 2 * _RIM + 1) > 0)
        outside = near if near.any() else outside
    if not outside.any():
        return
    region = _Region(outside)
    if chance.random() < SCRIBBLED_CORRECTIONS:
        drawing.scribble(*_scribble(region, chance), positive=False)
    else:
        drawing.click(_click(region, chance), positive=False)
