"""What the prompts say about each voxel before anyone looks at the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from ...engine.run import Run
from ...volume import nonzero_bounds
from .appearance import Examples
from .evidence import Enclosure, Evidence, Stroke
from .features import Features
from .geodesic import FAR, geodesic_distance
from .random_walker import Seeds
from .region import Cut, WorkRegion
from .settings import AdaptiveSettings

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

FORBIDDEN_ODDS = -6.0
"""Log odds of what a box or lasso shuts out on its slice."""

EXAMPLE_BLOCKS = 1.5
"""Standard deviation of a click's neighbourhood as example of a look [blocks]."""


FIRST_DEPTH_SHARE = 0.125
"""Depth at which a first stroke is taken to lie in a structure that nothing encloses, as share of its extent."""

TEACHING_BLOCKS = 3.0
"""Depth of an error from which its correction counts fully as an example of a look [blocks]."""

SHORTEST_REACH_BLOCKS = 0.8
"""Reach of a stroke that corrects an error of one block [blocks]."""


@dataclass(frozen=True, eq=False)
class Prior:
    """Fields (k, j, i) of log odds and example weights.

    Parameters
    ----------
    start
        Log odds from which the first round starts.
    lasting
        Log odds that every round adds: reach, what is shut out, and the clicks.
    examples
        The first examples of both looks, each with sum 1.
    clicks
        The strokes' neighbourhoods as examples, each stroke with sum 1.
    nearness
        Weight [0, 1] of a voxel as example of the outside.
    seeds
        Voxels whose answer is given.
    """

    start: Float32
    lasting: Float32
    examples: Examples
    clicks: Examples
    nearness: Float32
    seeds: Seeds


@dataclass(frozen=True, eq=False)
class _Enclosed:
    """An enclosure on the blocks of a region."""

    depth: Float32
    """1 at the centre, 0 on the inscribed ellipse, negative beyond."""
    fading: Float32
    """Log odds (0 or less) that fall across the slices of a flat one."""
    beyond_mm: Float32
    """Distance from the enclosure within its plane [mm]."""
    across_mm: Float32
    """Distance from its plane, or from its depth [mm]."""
    layer: Mask
    """Blocks of its slice (of all slices that a deep one passes)."""
    inside: Mask
    """Blocks of its layer that it encloses."""


def _enclosed(enclosure: Enclosure, region: WorkRegion, extent_mm: float, run: Run) -> _Enclosed:
    centres = region.centres_mm()
    along = [
        reduce(
            np.add,
            [
                (centre - origin) * share
                for centre, origin, share in zip(centres, enclosure.centre_mm, direction, strict=True)
                if abs(share) > 1e-6  # keeps the arrays small where the box is parallel to the axes
            ],
        )
        for direction in enclosure.axes.T
    ]
    half = np.maximum(enclosure.half_mm, 1e-6)
    squared = (along[0] / half[0]) ** 2 + (along[1] / half[1]) ** 2
    beyond = np.sqrt(sum(np.maximum(np.abs(along[axis]) - half[axis], 0) ** 2 for axis in (0, 1)))
    run.check()
    within = (np.abs(along[0]) < half[0]) & (np.abs(along[1]) < half[1])
    if enclosure.is_flat:
        across = np.abs(along[2])
        thickness = max(enclosure.half_thickness_mm, 0.5 * float(region.block_mm @ np.abs(enclosure.axes[:, 2])))
        layer = across <= thickness + 1e-6
        depth = 1 - squared
        fading = -0.5 * (across / (0.15 * extent_mm + thickness)) ** 2
    else:
        across = np.maximum(np.abs(along[2]) - half[2], 0)
        layer = np.ones(region.array.shape, dtype=np.bool_)
        depth = 1 - squared - (along[2] / half[2]) ** 2
        fading = np.zeros_like(across)
        within = within & (across == 0)
    run.check()
    shape = region.array.shape
    layer, depth = np.broadcast_to(layer, shape), np.broadcast_to(depth, shape).astype(np.float32)
    inside = np.broadcast_to(within, shape) & layer
    if enclosure.drawn_mm is not None:
        inside = np.zeros(shape, dtype=np.bool_)
        inside[tuple(region.blocks_at(enclosure.drawn_mm).T)] = True
        depth = np.where(layer, np.where(inside, np.float32(1), np.float32(-1)), depth)
    if not inside.any():
        inside[tuple(region.blocks_at(enclosure.centre_mm)[0])] = True
    return _Enclosed(
        depth,
        np.broadcast_to(fading, shape).astype(np.float32),
        np.broadcast_to(beyond, shape).astype(np.float32),
        np.broadcast_to(across, shape).astype(np.float32),
        layer,
        inside,
    )


def build_prior(
    evidence: Evidence, region: WorkRegion, features: Features, settings: AdaptiveSettings, run: Run
) -> Prior:
    """Return what the prompts say on the blocks of a region."""
    extent = evidence.extent_mm(region.voxel_mm)
    enclosed = [_enclosed(enclosure, region, extent, run) for enclosure in evidence.enclosures]
    run.check()
    reach = _reach(evidence, enclosed, region, extent, settings)
    run.check()
    influence = _influence(evidence, region, features, extent, settings, run)
    shut_out = np.zeros(region.array.shape, dtype=np.float32)
    for one in enclosed:
        shut_out[one.layer & ~one.inside] = FORBIDDEN_ODDS
    run.check()
    start = _start(evidence, enclosed, region, features, extent, settings, run)
    run.check()
    return Prior(
        start=start,
        lasting=reach + shut_out + influence + np.float32(settings.inclination),
        examples=_first_examples(evidence, enclosed, region, extent, start, reach),
        clicks=Examples(
            _neighbourhoods(evidence.positive_strokes(), region), _neighbourhoods(evidence.negative_strokes(), region)
        ),
        nearness=np.maximum(np.exp(reach), np.float32(0.02)),
        seeds=_seeds(evidence, region),
    )


def _reach(
    evidence: Evidence, enclosed: list[_Enclosed], region: WorkRegion, extent: float, settings: AdaptiveSettings
) -> Float32:
    """Return log odds that fall with the distance from the enclosures and the positive strokes."""
    reach = np.full(region.array.shape, settings.lowest_reach_odds, dtype=np.float32)
    in_plane = settings.reach_in_plane * extent + settings.reach_in_plane_mm
    across = settings.reach_across * extent + settings.reach_across_mm
    for one in enclosed:
        np.maximum(reach, -0.5 * ((one.beyond_mm / in_plane) ** 2 + (one.across_mm / across) ** 2), out=reach)
    around = settings.reach_click * extent + settings.reach_click_mm
    for stroke in evidence.positive_strokes():
        np.maximum(reach, -0.5 * (region.distance_mm(stroke.positions_mm) / around) ** 2, out=reach)
    if evidence.guess is not None:
        guessed = np.argwhere(_guess(evidence, region) >= 0.5) * region.block_mm
        if len(guessed):
            here = guessed + (np.array(region.offset) + (np.array(region.factor) - 1) / 2) * region.voxel_mm
            np.maximum(reach, -0.5 * (region.distance_mm(here) / around) ** 2, out=reach)
    return reach


def _guess(evidence: Evidence, region: WorkRegion) -> Float32:
    """Return the first guess on the blocks of a region."""
    assert evidence.guess is not None  # noqa: S101  asked for only where there is one
    return region.reduced(evidence.guess)


def _start(
    evidence: Evidence,
    enclosed: list[_Enclosed],
    region: WorkRegion,
    features: Features,
    extent: float,
    settings: AdaptiveSettings,
    run: Run,
) -> Float32:
    """Return the log odds of the first round: of the guess, else of the enclosures, else around the strokes."""
    limit = settings.farthest_odds
    if evidence.guess is not None:
        depth = border_distance(_guess(evidence, region) >= 0.5, region)
        odds = np.clip(depth / (settings.growth_blocks * region.finest_mm), -limit, settings.inner_odds)
        return np.asarray(odds, dtype=np.float32)
    if enclosed:
        odds = [np.clip(settings.enclosure_odds * one.depth, -2.5, 2.5) + one.fading for one in enclosed]
        return np.asarray(np.maximum(reduce(np.maximum, odds), -1.5 * limit), dtype=np.float32)
    source = _seeds(replace(evidence, forbidden=None), region).inside
    distance = geodesic_distance(source, features.path_cost, region.block_mm, 2, run)
    return np.asarray(
        np.clip(limit * (1 - distance / (FIRST_DEPTH_SHARE * extent)), -1.5 * limit, limit), dtype=np.float32
    )


def _first_examples(
    evidence: Evidence,
    enclosed: list[_Enclosed],
    region: WorkRegion,
    extent: float,
    start: Float32,
    reach: Float32,
) -> Examples:
    """Return the first examples: within and around the enclosures' slices, or the guess, or around the strokes."""
    likely = 1 / (1 + np.exp(-start))
    if evidence.guess is not None:
        # the border of the guess may be wrong here: what lies deep counts more
        depth = np.maximum(border_distance(_guess(evidence, region) >= 0.5, region), 0)
        return Examples(normal(depth), normal(np.where(start < 0, (1 - likely) * np.exp(reach), 0)))
    if not enclosed:
        outside = np.where(start < 0, (1 - likely) * np.exp(reach), 0)
        return Examples(normal(_neighbourhoods(evidence.positive_strokes(), region)), normal(outside))
    inside, outside = np.zeros_like(start), np.zeros_like(start)
    for one in enclosed:
        inside = np.maximum(inside, np.where(one.inside, likely, 0))
        ring = np.exp(-one.beyond_mm / (0.35 * extent)) * (one.across_mm <= region.block_mm.max())
        outside = np.maximum(outside, np.where(one.inside, 0.3 * (1 - likely), np.where(one.layer, ring, 0)))
    return Examples(normal(inside), normal(outside))


def border_distance(inside: Mask, region: WorkRegion) -> Float32:
    """Return the distance (k, j, i) from the border of a mask of blocks [mm], positive inside."""
    if inside.all():
        return np.full(inside.shape, FAR)
    distance = -ndimage.distance_transform_edt(~inside, sampling=region.block_mm)
    bounds = nonzero_bounds(inside)
    if bounds is None:
        return np.full(inside.shape, -FAR)
    around = tuple(slice(max(cut.start - 1, 0), cut.stop + 1) for cut in bounds)  # the inside's border lies in it
    distance[around] += ndimage.distance_transform_edt(inside[around], sampling=region.block_mm)
    return np.asarray(distance, dtype=np.float32)


def normal(weights: NDArray[np.floating]) -> Float32:
    """Return weights (n,) with sum 1, as a flat array."""
    return np.asarray(weights.ravel() / (weights.sum() + 1e-9), dtype=np.float32)


def _seeds(evidence: Evidence, region: WorkRegion) -> Seeds:
    fixed = np.zeros(region.array.shape, dtype=np.bool_)
    inside = fixed.copy()
    if evidence.forbidden is not None:
        fixed |= region.reduced(evidence.forbidden) >= 0.5
    for stroke in evidence.strokes:  # the newest stroke wins where two meet
        blocks = tuple(region.blocks_at(stroke.positions_mm).T)
        fixed[blocks], inside[blocks] = True, stroke.positive
    return Seeds(fixed, inside)


def _neighbourhoods(strokes: tuple[Stroke, ...], region: WorkRegion) -> Float32:
    """Return the summed neighbourhoods of strokes, each with weight 1."""
    total = np.zeros(region.array.shape, dtype=np.float32)
    width = EXAMPLE_BLOCKS * region.finest_mm
    for stroke in strokes:
        window = region.around(stroke.positions_mm, 4 * width)
        distance = _distance_in(window, stroke, region)
        near = np.exp(-0.5 * (distance / width) ** 2)
        total[window] += (_teaching(stroke, region) * near / near.sum()).astype(np.float32)
    return total.ravel()


def _teaching(stroke: Stroke, region: WorkRegion) -> float:
    """Return how much a stroke teaches about looks [0, 1]: one that moves the border by a block teaches little."""
    if stroke.depth_mm is None:
        return 1.0
    return min(1.0, stroke.depth_mm / (TEACHING_BLOCKS * region.finest_mm))


def _distance_in(window: Cut, stroke: Stroke, region: WorkRegion) -> Float64:
    """Return the distance [mm] of the blocks of a window from a stroke's blocks."""
    blocks = np.unique(region.blocks_at(stroke.positions_mm), axis=0)
    low = np.array([cut.start for cut in window])
    here = np.zeros(region.array[window].shape, dtype=np.bool_)
    here[tuple((blocks - low).T)] = True
    return np.asarray(ndimage.distance_transform_edt(~here, sampling=region.block_mm))


def _influence(
    evidence: Evidence,
    region: WorkRegion,
    features: Features,
    extent: float,
    settings: AdaptiveSettings,
    run: Run,
) -> Float32:
    """Return the log odds that strokes add around themselves, as far as no edge stands between."""
    influence = np.zeros(region.array.shape, dtype=np.float32)
    centres = np.array([enclosure.centre_mm for enclosure in evidence.enclosures]).reshape(-1, 3)
    positive = [stroke.positions_mm for stroke in evidence.positive_strokes()]
    negative = [stroke.positions_mm for stroke in evidence.negative_strokes()]
    for stroke in evidence.strokes:
        others = np.concatenate([np.zeros((0, 3)), *(negative if stroke.positive else [*positive, centres])])
        reach = _influence_reach(stroke, others, region, extent, settings)
        window = region.around(stroke.positions_mm, 3 * reach)
        low = np.array([cut.start for cut in window])
        blocks = tuple((np.unique(region.blocks_at(stroke.positions_mm), axis=0) - low).T)
        source = np.zeros(influence[window].shape, dtype=np.bool_)
        source[blocks] = True
        cost = features.path_cost[window]
        relative = np.maximum(cost / np.median(cost[blocks]), 1)
        distance = geodesic_distance(source, relative, region.block_mm, 1, run)
        sign = settings.click_odds if stroke.positive else -settings.click_odds
        influence[window] += np.float32(sign) * np.exp(-((distance / reach) ** 2) / 2).astype(np.float32)
    return influence


def _influence_reach(
    stroke: Stroke, others: Float64, region: WorkRegion, extent: float, settings: AdaptiveSettings
) -> float:
    """Return how far a stroke's word counts [mm]: as far as its error is deep, and not to strokes of the other kind."""
    shortest = SHORTEST_REACH_BLOCKS * region.finest_mm
    deep = FIRST_DEPTH_SHARE * extent if stroke.depth_mm is None else settings.depth_share * stroke.depth_mm
    longest = float(np.clip(deep, shortest, max(shortest, settings.largest_click_share * extent)))
    if len(others) == 0:
        return longest
    nearest = float(cKDTree(others).query(stroke.positions_mm)[0].min())
    return float(np.clip(settings.click_share * nearest, shortest, longest))
