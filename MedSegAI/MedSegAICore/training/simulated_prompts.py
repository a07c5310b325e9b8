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

from ..prompt.prompt_maps import CLICK_RADIUS, PromptMaps, line_pixels
from .example import BoolArray, Float32

__all__ = ["PromptMaps", "first_prompts", "next_prompts"]

Pixels = NDArray[np.int64]

STROKE_RADII = (0.0, 1.0, 1.0, 1.5, 2.0)
"""Half widths of scribbles [pixels]; each draw takes one."""

BOX_JITTER = 0.05
"""Standard deviation by which each side of a box misses, as a share of the box's extent."""

FARTHEST_SIDE = 0.15
"""How far a side misses at most, as a share of the box's extent; two pixels are always possible."""

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


def first_prompts(mask: BoolArray, chance: np.random.Generator) -> PromptMaps:
    """Return a jittered box, one to three clicks, a scribble, or some of these together.

    Parameters
    ----------
    mask
        What is pointed at (rows, columns); not empty.
    chance
        Draws.
    """
    maps, region = PromptMaps.nothing((mask.shape[0], mask.shape[1])), _Region(mask)
    kind = chance.choice(["box", "clicks", "scribble", "several"], p=[0.3, 0.35, 0.15, 0.2])
    several = kind == "several"
    if kind == "box" or (several and chance.random() < 0.5):
        maps = maps.with_box(*_jittered_box(region, chance))
    if kind == "clicks" or several:
        for _ in range(int(chance.choice([1, 2, 3], p=[0.7, 0.2, 0.1]))):
            maps = _clicked(maps, region, chance, positive=True)
    if kind == "scribble" or (several and chance.random() < 0.3):
        maps = _scribbled(maps, region, chance, positive=True)
    if several or (kind != "box" and chance.random() < 0.1):
        maps = _kept_out(maps, mask, chance)
    return maps


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
    add = _scribbled if chance.random() < SCRIBBLED_CORRECTIONS else _clicked
    return add(maps, _Region(error), chance, positive=bool(positive))


def _largest_part(mask: BoolArray) -> BoolArray:
    parts, count = ndimage.label(mask, _EIGHT_NEIGHBOURS)
    if count <= 1:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    part: BoolArray = parts == sizes.argmax()
    return part


def _jittered_box(region: _Region, chance: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Return first and last pixel (row, column) of a box whose sides miss the structure as a hand does."""
    low, high = region.pixels.min(axis=0), region.pixels.max(axis=0)
    extent = high - low + 1
    most = np.maximum(FARTHEST_SIDE * extent, 2)
    missed = np.clip(chance.normal(0, np.maximum(BOX_JITTER * extent, 0.7), (2, 2)), -most, most)
    # a hand rather frames too much than too little
    first, last = np.rint(low + missed[0] - 0.02 * extent), np.rint(high + missed[1] + 0.02 * extent)
    first = np.minimum(first, high)
    return first.astype(np.int64), np.maximum(last, first).astype(np.int64)


def _clicked(maps: PromptMaps, region: _Region, chance: np.random.Generator, *, positive: bool) -> PromptMaps:
    """Add a click: mostly deep inside, sometimes anywhere."""
    depths = region.depth[tuple(region.pixels.T)]
    least = chance.uniform(0.3, 1) * depths.max() if chance.random() < 0.75 else 0
    candidates = region.pixels[depths >= least - 1e-6]
    return maps.with_marks(candidates[chance.integers(len(candidates))], CLICK_RADIUS, positive=positive)


def _scribbled(maps: PromptMaps, region: _Region, chance: np.random.Generator, *, positive: bool) -> PromptMaps:
    """Add a scribble of one of three kinds; its middle stays in the region."""
    kind = (_middle_line, _random_line, _border_line)[int(chance.integers(3))]
    return maps.with_marks(kind(region, chance), float(chance.choice(STROKE_RADII)), positive=positive)


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


def _kept_out(maps: PromptMaps, mask: BoolArray, chance: np.random.Generator) -> PromptMaps:
    """Add a click or scribble outside, near the structure or anywhere."""
    outside = ~mask
    if chance.random() < 0.7:
        near = outside & (ndimage.maximum_filter(mask, 2 * _RIM + 1) > 0)
        outside = near if near.any() else outside
    if not outside.any():
        return maps
    add = _scribbled if chance.random() < SCRIBBLED_CORRECTIONS else _clicked
    return add(maps, _Region(outside), chance, positive=False)
