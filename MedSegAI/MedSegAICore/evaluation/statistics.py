"""Means with intervals, and whether one method is better than another.

Subjects are resampled, not cases: several structures or slices of one person are no independent observations
(cluster bootstrap, Davison and Hinkley 1997, section 3.8; percentile interval, Efron and Tibshirani 1993, chapter 13).
Percentile intervals of fewer than about ten subjects are too narrow, and of fewer than three they mean nothing: those
are not given.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 5000
CONFIDENCE = 0.95
FEWEST_SUBJECTS = 3


@dataclass(frozen=True)
class Estimate:
    """A mean.

    Parameters
    ----------
    mean
        Of all cases, failures included; NaN without a case.
    lower, upper
        Ends of the bootstrap interval; NaN with fewer than three subjects.
    cases, subjects
        How many there are.
    """

    mean: float
    lower: float
    upper: float
    cases: int
    subjects: int


@dataclass(frozen=True)
class PairedDifference:
    """The first method minus the second, over the cases that both have.

    Parameters
    ----------
    difference
        Mean difference with its interval.
    probability_better
        Share of the resampled means in which the first is better, ties counted half; NaN with fewer than three
        subjects.
    """

    difference: Estimate
    probability_better: float


def mean_with_interval(values: Sequence[float], subjects: Sequence[Hashable], seed: int = 0) -> Estimate:
    """Return the mean of `values` and its bootstrap interval.

    Parameters
    ----------
    values
        One number for each case; none is NaN.
    subjects
        For each case, whose it is.
    seed
        Of the resampling. The result does not depend on the order of the cases.
    """
    return _estimate(values, subjects, _resampled_means(values, subjects, seed))


def paired_difference(
    first: Sequence[float],
    second: Sequence[float],
    subjects: Sequence[Hashable],
    higher_is_better: bool | None,
    seed: int = 0,
) -> PairedDifference:
    """Compare two methods on the same cases.

    Parameters
    ----------
    first, second
        Their values, case by case.
    subjects
        For each case, whose it is.
    higher_is_better
        Which way is better; None where values on either side of 0 are worse: then distances from 0 are compared.
    seed
        Of the resampling.
    """
    if higher_is_better is None:
        first, second, higher_is_better = [abs(value) for value in first], [abs(value) for value in second], False
    differences = [one - other for one, other in zip(first, second, strict=True)]
    means = _resampled_means(differences, subjects, seed)
    estimate = _estimate(differences, subjects, means)
    if means.size == 0:
        return PairedDifference(estimate, math.nan)
    better = means > 0 if higher_is_better else means < 0
    return PairedDifference(estimate, float(np.mean(better) + np.mean(means == 0) / 2))


def _estimate(values: Sequence[float], subjects: Sequence[Hashable], means: NDArray[np.float64]) -> Estimate:
    mean = math.fsum(values) / len(values) if values else math.nan  # fsum: the order of the cases plays no part
    lower, upper = math.nan, math.nan
    if means.size:
        lower, upper = (float(end) for end in np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    return Estimate(mean, lower, upper, len(values), len(set(subjects)))


def _resampled_means(values: Sequence[float], subjects: Sequence[Hashable], seed: int) -> NDArray[np.float64]:
    """Return the means (RESAMPLES,) of draws of as many subjects as there are; none with fewer than three subjects."""
    names = sorted(set(subjects), key=repr)
    if len(names) < FEWEST_SUBJECTS:
        return np.empty(0)
    of_subject: dict[Hashable, list[float]] = {name: [] for name in names}
    for value, subject in zip(values, subjects, strict=True):
        of_subject[subject].append(value)
    sums = np.array([math.fsum(of_subject[name]) for name in names])
    counts = np.array([len(of_subject[name]) for name in names])
    share = np.full(len(names), 1 / len(names))
    drawn = np.random.default_rng(seed).multinomial(len(names), share, RESAMPLES)  # how often each subject is drawn
    means: NDArray[np.float64] = (drawn @ sums) / (drawn @ counts)
    return means
