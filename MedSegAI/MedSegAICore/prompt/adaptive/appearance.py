"""What the inside looks like and the outside does not: an online classifier of voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from .features import Features

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

FLOOR = 3e-4
"""Probability mass of a histogram bin that was never seen."""


@dataclass(frozen=True)
class AppearanceSettings:
    """How the classifier learns.

    Parameters
    ----------
    bins
        Bins of the joint histogram along each intensity.
    largest
        Limit of the log likelihood ratio that appearance alone can give.
    samples
        Voxels drawn for the logistic regression.
    ridge
        Its penalty, per thousand samples and divided by the number of strokes, on leaving the histogram's
        opinion: the more a user has corrected, the finer the distinctions that can be learned.
    """

    bins: int = 40
    largest: float = 3.0
    samples: int = 20_000
    ridge: float = 15.0


def log_likelihood_ratio(
    features: Features, inside: Float32, outside: Float32, strokes: int, settings: AppearanceSettings
) -> Float32:
    """Return for each voxel (n,) how much more likely its look is inside than outside (natural logarithm).

    The joint histogram of two intensities gives a first opinion; a logistic regression on all features, whose
    prior is that opinion, corrects it.

    Parameters
    ----------
    features
        Features of the region.
    inside, outside
        Weights (n,) of the voxels as examples, each summing to 1 or more; not negative.
    strokes
        How many clicks and scribbles the user made; without any, the histogram alone decides.
    settings
        How to learn.
    """
    first = _histogram_ratio(features, inside, outside, settings)
    if strokes == 0:
        return first
    return _logistic_correction(features, first, inside, outside, settings.ridge / strokes, settings)


def _histogram_ratio(features: Features, inside: Float32, outside: Float32, settings: AppearanceSettings) -> Float32:
    bins = settings.bins
    fine, coarse = np.clip((features.codes * bins).astype(np.int32), 0, bins - 1)
    code = fine * bins + coarse
    ratio = np.log((_histogram(code, inside, bins) + FLOOR) / (_histogram(code, outside, bins) + FLOOR))
    ratio = np.clip(ratio, -settings.largest, settings.largest).astype(np.float32)
    return np.asarray(ratio[code])


def _histogram(code: NDArray[np.int32], weights: Float32, bins: int) -> Float64:
    counts = np.bincount(code, weights, bins * bins).reshape(bins, bins)
    smooth = ndimage.gaussian_filter(counts, 1.0).ravel()
    return np.asarray(smooth / max(float(smooth.sum()), 1e-9))


def _logistic_correction(
    features: Features, first: Float32, inside: Float32, outside: Float32, ridge: float, settings: AppearanceSettings
) -> Float32:
    """Ridge logistic regression by Newton's method, on features, their squares and the first opinion."""
    half = settings.samples // 2
    drawn = np.concatenate([_draw(inside, half), _draw(outside, half)])
    is_inside = np.repeat([1.0, 0.0], half)
    table = features.table[drawn].astype(np.float64)
    design = np.concatenate([table, table**2, first[drawn, None], np.ones((2 * half, 1))], axis=1)
    trusting = np.zeros(design.shape[1])
    trusting[-2] = 1.0  # start from, and stay near, the histogram's opinion
    penalty = np.full(design.shape[1], ridge * 2 * half / 1000)
    penalty[-1] = 0.0
    weights = trusting.copy()
    for _ in range(4):  # Newton converges quadratically from this start
        probability = expit(design @ weights)
        curvature = probability * (1 - probability) + 1e-3
        slope = design.T @ (probability - is_inside) + penalty * (weights - trusting)
        weights -= np.linalg.solve((design * curvature[:, None]).T @ design + np.diag(penalty), slope)
    count = features.table.shape[1]
    linear, square = weights[:count].astype(np.float32), weights[count : 2 * count].astype(np.float32)
    ratio = features.table @ linear + (features.table**2) @ square
    ratio += first * np.float32(weights[-2]) + np.float32(weights[-1])
    return np.asarray(np.clip(ratio, -settings.largest, settings.largest), dtype=np.float32)


def _draw(weights: Float32, count: int) -> NDArray[np.int64]:
    """Return `count` indices that stand evenly for the weights; the same ones every time."""
    cumulative = np.cumsum(weights, dtype=np.float64)
    targets = (np.arange(count) + 0.5) / count * cumulative[-1]
    return np.asarray(np.clip(np.searchsorted(cumulative, targets), 0, len(weights) - 1))
