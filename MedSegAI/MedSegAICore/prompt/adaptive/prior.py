"""What the prompts say about each voxel before anyone looks at the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from math import prod

import numpy as np

from ...engine.run import Run
from ...volume import VolumePatch
from .appearance import Examples
from .arrays import Float32, Mask
from .enclosed import Enclosed, enclosed_blocks
from .evidence import Evidence
from .features import Features
from .geodesic import geodesic_distance
from .random_walker import Seeds
from .region import WorkRegion
from .settings import AdaptiveSettings
from .strokes import FIRST_DEPTH_SHARE, influence, neighbourhoods, stroke_seeds

FORBIDDEN_ODDS = -6.0
"""Log odds of what a box or lasso shuts out on its slice."""


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


def build_prior(
    evidence: Evidence, region: WorkRegion, features: Features, settings: AdaptiveSettings, run: Run
) -> Prior:
    """Return what the prompts say on the blocks of a region."""
    extent = evidence.extent_mm(region.voxel_mm)
    enclosed = [enclosed_blocks(enclosure, region, extent, run) for enclosure in evidence.enclosures]
    run.check()
    guessed = None if evidence.guess is None else _guessed(evidence.guess, region)
    reach = _reach(evidence, enclosed, guessed, region, extent, settings)
    run.check()
    clicked = influence(evidence, region, features, extent, settings, run)
    shut_out = np.zeros(region.array.shape, dtype=np.float32)
    for one in enclosed:
        shut_out[one.layer & ~one.inside] = FORBIDDEN_ODDS
    run.check()
    start = _start(evidence, enclosed, guessed, region, features, extent, settings, run)
    run.check()
    return Prior(
        start=start,
        lasting=reach + shut_out + clicked + np.float32(_inclination(evidence, settings)),
        examples=_first_examples(evidence, enclosed, guessed, region, extent, start, reach),
        clicks=Examples(
            neighbourhoods(evidence.positive_strokes(), region), neighbourhoods(evidence.negative_strokes(), region)
        ),
        nearness=np.maximum(np.exp(reach), np.float32(0.02)),
        seeds=stroke_seeds(evidence, region),
    )


def _inclination(evidence: Evidence, settings: AdaptiveSettings) -> float:
    """Return the log odds that every voxel gets; what the clicks have in common fades in with their number."""
    added, taken_away = len(evidence.positive_strokes()), len(evidence.negative_strokes())
    return settings.inclination + settings.lesson * (added - taken_away) / (added + taken_away + 2)


def _reach(
    evidence: Evidence,
    enclosed: list[Enclosed],
    guessed: Mask | None,
    region: WorkRegion,
    extent: float,
    settings: AdaptiveSettings,
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
    if guessed is not None and guessed.any():
        np.maximum(reach, -0.5 * (region.distance_from_mm(guessed) / around) ** 2, out=reach)
    return reach


def _guessed(guess: VolumePatch, region: WorkRegion) -> Mask:
    """Return the blocks of a region in the first guess; one on a single slice fills the blocks of its slice."""
    thickness = zip(guess.array.shape, region.factor, region.shape, strict=True)
    diluted = prod(min(factor, slices) for size, factor, slices in thickness if size == 1)
    return np.asarray(np.minimum(region.reduced(guess) * diluted, 1) >= 0.5)


def _guess_depth_mm(guess: VolumePatch, inside: Mask, region: WorkRegion) -> Float32:
    """Return how deep (k, j, i) each block lies in the guess, which has some blocks `inside` [mm].

    A guess on a single slice of a volume stands for a body that ends where the slice's depth does, as a roof over it.
    """
    across = [axis for axis in range(3) if guess.array.shape[axis] == 1 and inside.shape[axis] > 1]
    if len(across) != 1 or not inside.any():
        return region.border_distance_mm(inside)
    axis = across[0]
    layers = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
    away = np.abs(np.arange(inside.shape[axis]) - layers[0]) * region.block_mm[axis]
    shape = [1, 1, 1]
    shape[axis] = -1
    depth = region.border_distance_mm(np.take(inside, layers[:1], axis))
    return np.asarray(depth - away.reshape(shape), dtype=np.float32)


def _start(
    evidence: Evidence,
    enclosed: list[Enclosed],
    guessed: Mask | None,
    region: WorkRegion,
    features: Features,
    extent: float,
    settings: AdaptiveSettings,
    run: Run,
) -> Float32:
    """Return the log odds of the first round: of the guess, else of the enclosures, else around the strokes."""
    limit = settings.farthest_odds
    if evidence.guess is not None and guessed is not None:
        depth = _guess_depth_mm(evidence.guess, guessed, region)
        odds = np.clip(depth / (settings.growth_blocks * region.finest_mm), -limit, settings.inner_odds)
        return np.asarray(odds, dtype=np.float32)
    if enclosed:
        odds = [np.clip(settings.enclosure_odds * one.depth, -2.5, 2.5) + one.fading for one in enclosed]
        return np.asarray(np.maximum(reduce(np.maximum, odds), -1.5 * limit), dtype=np.float32)
    source = stroke_seeds(replace(evidence, forbidden=None), region).inside
    distance = geodesic_distance(source, features.path_cost, region.block_mm, 2, run)
    return np.asarray(
        np.clip(limit * (1 - distance / (FIRST_DEPTH_SHARE * extent)), -1.5 * limit, limit), dtype=np.float32
    )


def _first_examples(
    evidence: Evidence,
    enclosed: list[Enclosed],
    guessed: Mask | None,
    region: WorkRegion,
    extent: float,
    start: Float32,
    reach: Float32,
) -> Examples:
    """Return the first examples: within and around the enclosures' slices, or the guess, or around the strokes."""
    likely = 1 / (1 + np.exp(-start))
    if guessed is not None:
        # the border of the guess may be wrong here: what lies deep counts more
        depth = np.maximum(region.border_distance_mm(guessed), 0)
        return Examples.of_weights(depth, np.where(start < 0, (1 - likely) * np.exp(reach), 0))
    if not enclosed:
        outside = np.where(start < 0, (1 - likely) * np.exp(reach), 0)
        return Examples.of_weights(neighbourhoods(evidence.positive_strokes(), region), outside)
    inside, outside = np.zeros_like(start), np.zeros_like(start)
    for one in enclosed:
        inside = np.maximum(inside, np.where(one.inside, likely, 0))
        ring = np.exp(-one.beyond_mm / (0.35 * extent)) * (one.across_mm <= region.block_mm.max())
        outside = np.maximum(outside, np.where(one.inside, 0.3 * (1 - likely), np.where(one.layer, ring, 0)))
    return Examples.of_weights(inside, outside)
