"""How well a volume fits the volumes that several raters drew."""

from __future__ import annotations

from collections.abc import Sequence
from math import erf, exp, pi, sqrt
from statistics import fmean, pstdev

from ...errors import InvalidRequest


def volume_crps(predicted: float, by_rater: Sequence[float]) -> float:
    """Return the continuous ranked probability score of a predicted volume, in the unit of the volumes.

    The raters' volumes are taken as a Gaussian with their mean and (population) standard deviation, as the CURVAS
    challenge does; the integral is the exact one over all volumes. With raters who all agree, or with one alone,
    it is the absolute error.

    Parameters
    ----------
    predicted
        Predicted volume: the sum of the soft prediction times the volume of a voxel [ml].
    by_rater
        Volume that each rater drew, at least one [ml].

    Raises
    ------
    InvalidRequest
        There is no rater.
    """
    if not by_rater:
        message = "There is no rater's volume to compare with."
        raise InvalidRequest(message, "Give the segmentation of at least one rater.")
    return gaussian_crps(fmean(by_rater), pstdev(by_rater), predicted)


def gaussian_crps(mean: float, deviation: float, value: float) -> float:
    """Return the integral over y of (Phi((y - mean) / deviation) - H(y - value))^2.

    Closed form: Gneiting and Raftery 2007, Strictly proper scoring rules, equation 21. Without deviation, Phi is a
    step too, and the integral is the distance between the two steps.
    """
    if deviation == 0:
        return abs(value - mean)
    z = (value - mean) / deviation
    density = exp(-z * z / 2) / sqrt(2 * pi)
    return deviation * (z * erf(z / sqrt(2)) + 2 * density - 1 / sqrt(pi))
