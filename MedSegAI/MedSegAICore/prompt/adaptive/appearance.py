"""What the inside looks like and the outside does not: an online classifier of voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from ...engine.run import Run
from .arrays import Float32, Float64
from .features import CODE_BINS, Features

FLOOR = 3e-4
"""Probability mass of a histogram bin that was never seen."""


@dataclass(frozen=True)
class AppearanceSettings:
    """How the classifier learns.

    Parameters
    ----------
    largest
        Limit of the log likelihood ratio that appearance alone can give.
    sharpness
        How much the inside's most frequent looks count beyond their frequency; it fades as strokes come in.
        A box encloses more than the structure, but mostly the structure.
    samples
        Voxels drawn for the logistic regression; at most a quarter of all.
    ridge
        Its penalty, per thousand samples, on leaving the histogram's opinion.
    """

    largest: float = 3.0
    sharpness: float = 0.5
    samples: int = 12_000
    ridge: float = 3.0


@dataclass(frozen=True, eq=False)
class Examples:
    """Weights (n,) of the voxels as examples of both looks, each summing to 1 or more; not negative."""

    inside: Float32
    outside: Float32

    @classmethod
    def of_weights(cls, inside: NDArray[np.floating], outside: NDArray[np.floating]) -> Examples:
        """Return examples of weights of any shape, each brought to sum 1."""
        return cls(_normal(inside), _normal(outside))


def _normal(weights: NDArray[np.floating]) -> Float32:
    return np.asarray(weights.ravel() / (weights.sum() + 1e-9), dtype=np.float32)


def log_likelihood_ratio(
    features: Features, examples: Examples, strokes: int, settings: AppearanceSettings, run: Run
) -> Float32:
    """Return for each voxel (n,) how much more likely its look is inside than outside (natural logarithm).

    The joint histogram of two intensities gives a first opinion; a logistic regression on all features, whose
    prior is that opinion, corrects it.

    Parameters
    ----------
    features
        Features of the region.
    examples
        What is inside and outside so far.
    strokes
        How many clicks and scribbles the user made; without any, the histogram alone decides.
    settings
        How to learn.
    run
        Progress and cancel.
    """
    run.check()
    sharpness = settings.sharpness / (1 + strokes)
    first = np.clip(histogram_ratio(features, examples, sharpness), -settings.largest, settings.largest)
    if strokes == 0:
        return first
    return np.clip(_corrected(features, first, examples, settings, run), -settings.largest, settings.largest)


def histogram_ratio(features: Features, examples: Examples, sharpness: float = 0.0) -> Float32:
    """Return the log ratio (n,) of the joint histograms of both looks."""
    inside = _histogram(features.code, examples.inside) ** (1 + sharpness)
    outside = _histogram(features.code, examples.outside)
    ratio = np.log((inside / max(float(inside.sum()), 1e-9) + FLOOR) / (outside + FLOOR))
    return np.asarray(ratio.astype(np.float32)[features.code])


def _histogram(code: NDArray[np.int32], weights: Float32) -> Float64:
    counts = np.bincount(code, weights, CODE_BINS * CODE_BINS).reshape(CODE_BINS, CODE_BINS)
    smooth = ndimage.gaussian_filter(counts, 1.0).ravel()
    return np.asarray(smooth / max(float(smooth.sum()), 1e-9))


def _corrected(
    features: Features, first: Float32, examples: Examples, settings: AppearanceSettings, run: Run
) -> Float32:
    """Ridge logistic regression by Newton's method, on features, their squares and the first opinion."""
    half = max(1, min(settings.samples, features.table.shape[1] // 4) // 2)
    drawn = np.concatenate([_draw(examples.inside, half), _draw(examples.outside, half)])
    is_inside = np.repeat([1.0, 0.0], half)
    table = features.table[:, drawn].T.astype(np.float64)
    design = np.concatenate([table, table**2, first[drawn, None], np.ones((2 * half, 1))], axis=1)
    trusting = np.zeros(design.shape[1])
    trusting[-2] = 1.0  # start from, and stay near, the histogram's opinion
    penalty = np.full(design.shape[1], settings.ridge * 2 * half / 1000)
    penalty[-1] = 0.0
    weights = trusting.copy()
    for _ in range(4):  # Newton converges quadratically from this start
        run.check()
        probability = expit(design @ weights)
        curvature = probability * (1 - probability) + 1e-3
        slope = design.T @ (probability - is_inside) + penalty * (weights - trusting)
        weights -= np.linalg.solve((design * curvature[:, None]).T @ design + np.diag(penalty), slope)
    run.check()
    return _applied(features.table, first, weights.astype(np.float32))


def _applied(table: Float32, first: Float32, weights: Float32) -> Float32:
    """Return the regression's answer (n,); `weights` belong to features, squares, first opinion and offset."""
    ratio = first * weights[-2] + weights[-1]
    for column, linear, square in zip(table, weights, weights[len(table) :], strict=False):
        ratio += column * (linear + square * column)
    return np.asarray(ratio)


def _draw(weights: Float32, count: int) -> NDArray[np.int64]:
    """Return `count` indices that stand evenly for the weights; the same ones every time."""
    cumulative = np.cumsum(weights, dtype=np.float64)
    targets = (np.arange(count) + 0.5) / count * cumulative[-1]
    return np.asarray(np.clip(np.searchsorted(cumulative, targets), 0, len(weights) - 1))
