"""One answer from all prompts: learn the look, walk, grow, and again.

Each round learns what the present inside and outside look like, adds what the prompts say and how far each
voxel lies from the present border, and lets a random walker smooth the sum. The border so moves outwards
through tissue that looks right and stops where it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ...engine.run import Run
from .appearance import Examples, log_likelihood_ratio
from .arrays import Float32, Mask
from .evidence import Evidence
from .features import Features
from .prior import Prior, build_prior
from .random_walker import Accuracy, EdgeWeights, walk
from .region import WorkRegion
from .settings import AdaptiveSettings

EACH_ROUND = Accuracy(steps=30, tolerance=5e-3)


@dataclass(frozen=True, eq=False)
class Scene:
    """What stays the same while prompts come in: the region, its features and its edges."""

    region: WorkRegion
    features: Features
    edges: EdgeWeights

    @property
    def size_bytes(self) -> int:
        """Memory it takes [bytes]."""
        features = self.features
        arrays = (features.edge_image, features.code, features.table, features.path_cost, *self.edges.along)
        return self.region.array.nbytes + sum(array.nbytes for array in arrays)


def evolve(scene: Scene, evidence: Evidence, settings: AdaptiveSettings, run: Run) -> Float32:
    """Return the probability (k, j, i) of the structure on the blocks of a scene.

    Raises
    ------
    Cancelled
        The user stopped the run.
    """
    prior = build_prior(evidence, scene.region, scene.features, settings, run)
    odds, examples = prior.start, prior.examples
    probability: Float32 | None = None
    for turn in range(settings.rounds):
        run.step(turn / settings.rounds, "Segmenting")
        look = _look(scene, prior, examples, len(evidence.strokes), settings, run)
        run.check()
        own = expit(look + odds + prior.lasting)
        start = own if probability is None else probability
        probability = walk(start, own, settings.trust, scene.edges, prior.seeds, EACH_ROUND, run)
        run.check()
        distance = scene.region.border_distance_mm(_inside(probability, prior))
        run.check()
        growth = distance / (settings.growth_blocks * scene.region.finest_mm)
        odds = np.clip(growth, -settings.farthest_odds, settings.inner_odds)
        examples = _examples(probability, distance, prior, evidence, scene.region, settings)
    assert probability is not None  # noqa: S101  there is at least one round
    return probability


def _look(
    scene: Scene, prior: Prior, examples: Examples, strokes: int, settings: AdaptiveSettings, run: Run
) -> Float32:
    with_clicks = Examples(
        examples.inside + settings.click_inside * prior.clicks.inside,
        examples.outside + settings.click_outside * prior.clicks.outside,
    )
    ratio = log_likelihood_ratio(scene.features, with_clicks, strokes, settings.appearance, run)
    return ratio.reshape(scene.region.array.shape)


def _inside(probability: Float32, prior: Prior) -> Mask:
    """Return the present inside; the first examples stand in for an empty one."""
    inside = probability > 0.5
    return inside if inside.any() else (prior.examples.inside > 0).reshape(inside.shape)


def _examples(
    probability: Float32,
    distance: Float32,
    prior: Prior,
    evidence: Evidence,
    region: WorkRegion,
    settings: AdaptiveSettings,
) -> Examples:
    """Return the weights of the present inside and outside as examples, each with sum 1."""
    width = settings.background_share * evidence.extent_mm(region.voxel_mm)
    inside = np.where(probability > 0.5, probability, 0)
    near = np.exp(np.minimum(distance, 0) / width)
    outside = np.where(probability < 0.5, (1 - probability) * prior.nearness * near, 0)
    return Examples.of_weights(inside, outside)
