"""How much the model believes its own answer."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.stats import rankdata

from .appearance import Examples, histogram_ratio
from .arrays import Float32, Mask
from .evolution import Scene
from .region import WorkRegion

RING_BLOCKS = 4.0
"""Width of the surroundings that the inside is compared with [blocks]."""


def answer_quality(scene: Scene, probability: Float32) -> float:
    """Return how well the inside's look can be told from its surroundings' [0, 1]; 0 is by chance.

    Looks are learned on every other block and judged on the rest, so that noise earns nothing. A quarter of
    the way from chance to certainty (area under the curve 0.75) is quality 1: neighbours may look alike.
    """
    inside = probability > 0.5
    around = _ring(inside, scene.region)
    if not inside.any() or not around.any():
        return 0.0
    learned = (np.indices(inside.shape).sum(axis=0) % 2 == 0).ravel()
    flat_inside, flat_around = inside.ravel(), around.ravel()
    examples = Examples((flat_inside & learned).astype(np.float32), (flat_around & learned).astype(np.float32))
    ratio = histogram_ratio(scene.features, examples)
    area = _area_under_curve(ratio[flat_inside & ~learned], ratio[flat_around & ~learned])
    return float(np.clip(4 * (area - 0.5), 0, 1))


def _ring(inside: Mask, region: WorkRegion) -> Mask:
    if inside.all() or not inside.any():
        return np.zeros_like(inside)
    distance = ndimage.distance_transform_edt(~inside, sampling=region.block_mm)
    return np.asarray((distance > 0) & (distance <= RING_BLOCKS * region.finest_mm))


def _area_under_curve(positive: Float32, negative: Float32) -> float:
    """Return the share of pairs whose positive value is the larger one (Mann and Whitney 1947); 0.5 if none."""
    if positive.size == 0 or negative.size == 0:
        return 0.5
    ranks = rankdata(np.concatenate([positive, negative]))[: positive.size]
    return float((ranks.sum() - positive.size * (positive.size + 1) / 2) / (positive.size * negative.size))
