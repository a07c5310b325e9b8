"""What clicks and scribbles say about each block: fixed answers, examples of a look, and influence around them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ...engine.run import Run
from .arrays import Cut, Float32, Float64
from .evidence import Evidence, Stroke
from .features import Features
from .geodesic import geodesic_distance
from .random_walker import Seeds
from .region import WorkRegion
from .settings import AdaptiveSettings

EXAMPLE_BLOCKS = 1.5
"""Standard deviation of a click's neighbourhood as example of a look [blocks]."""

FIRST_DEPTH_SHARE = 0.125
"""Depth at which a first stroke is taken to lie in a structure that nothing encloses, as share of its extent."""

TEACHING_BLOCKS = 3.0
"""Depth of an error from which its correction counts fully as an example of a look [blocks]."""

SHORTEST_REACH_BLOCKS = 0.8
"""Reach of a stroke that corrects an error of one block [blocks]."""


def stroke_seeds(evidence: Evidence, region: WorkRegion) -> Seeds:
    fixed = np.zeros(region.array.shape, dtype=np.bool_)
    inside = fixed.copy()
    if evidence.forbidden is not None:
        fixed |= region.reduced(evidence.forbidden) >= 0.5
    for stroke in evidence.strokes:  # the newest stroke wins where two meet
        blocks = tuple(region.blocks_at(stroke.positions_mm).T)
        fixed[blocks], inside[blocks] = True, stroke.positive
    return Seeds(fixed, inside)


def neighbourhoods(strokes: tuple[Stroke, ...], region: WorkRegion) -> Float32:
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


def influence(
    evidence: Evidence,
    region: WorkRegion,
    features: Features,
    extent: float,
    settings: AdaptiveSettings,
    run: Run,
) -> Float32:
    """Return the log odds that strokes add around themselves, as far as no edge stands between."""
    total = np.zeros(region.array.shape, dtype=np.float32)
    centres = np.array([enclosure.centre_mm for enclosure in evidence.enclosures]).reshape(-1, 3)
    positive = [stroke.positions_mm for stroke in evidence.positive_strokes()]
    negative = [stroke.positions_mm for stroke in evidence.negative_strokes()]
    for stroke in evidence.strokes:
        others = np.concatenate([np.zeros((0, 3)), *(negative if stroke.positive else [*positive, centres])])
        reach = _reach_mm(stroke, others, region, extent, settings)
        window = region.around(stroke.positions_mm, 3 * reach)
        low = np.array([cut.start for cut in window])
        blocks = tuple((np.unique(region.blocks_at(stroke.positions_mm), axis=0) - low).T)
        source = np.zeros(total[window].shape, dtype=np.bool_)
        source[blocks] = True
        cost = features.path_cost[window]
        relative = np.maximum(cost / np.median(cost[blocks]), 1)
        distance = geodesic_distance(source, relative, region.block_mm, 1, run)
        sign = settings.click_odds if stroke.positive else -settings.click_odds
        total[window] += np.float32(sign) * np.exp(-((distance / reach) ** 2) / 2).astype(np.float32)
    return total


def _reach_mm(stroke: Stroke, others: Float64, region: WorkRegion, extent: float, settings: AdaptiveSettings) -> float:
    """Return how far a stroke's word counts [mm]: as far as its error is deep, and not to strokes of the other kind."""
    shortest = SHORTEST_REACH_BLOCKS * region.finest_mm
    deep = FIRST_DEPTH_SHARE * extent if stroke.depth_mm is None else settings.depth_share * stroke.depth_mm
    longest = float(np.clip(deep, shortest, max(shortest, settings.largest_click_share * extent)))
    if len(others) == 0:
        return longest
    nearest = float(cKDTree(others).query(stroke.positions_mm)[0].min())
    return float(np.clip(settings.click_share * nearest, shortest, longest))
