"""How several candidates of a method compare with the drawings of several raters.

Masks are arrays (n, ...) bool with one candidate or rater per row, all on one grid of any dimension. Two empty masks
agree fully: their IoU and Dice are 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from ...errors import GeometryMismatch, InvalidRequest

Float64 = NDArray[np.float64]
Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class EnergyDistance:
    """Squared generalized energy distance, with the counts without which it cannot be compared.

    Parameters
    ----------
    squared
        The distance (0 same distribution .. 2).
    candidates, raters
        Number of masks on each side.
    """

    squared: float
    candidates: int
    raters: int


def energy_distance(candidates: ArrayLike, raters: ArrayLike) -> EnergyDistance:
    """Return GED^2 = 2 E[d(S, Y)] - E[d(S, S')] - E[d(Y, Y')] with d = 1 - IoU.

    As in the Probabilistic U-Net (Kohl et al. 2018), the means within a side run over all pairs, also of a mask with
    itself. It is therefore never negative, and falls with the number of candidates: 16 are usual.

    Parameters
    ----------
    candidates, raters
        Masks (n, ...) and (m, ...), at least one each.

    Raises
    ------
    GeometryMismatch
        The masks differ in shape.
    InvalidRequest
        One side has no mask.
    """
    ours, theirs = _checked(candidates, raters)
    between, within_ours, within_theirs = (
        float(np.mean(1.0 - _overlaps(first, second)[1]))
        for first, second in ((ours, theirs), (ours, ours), (theirs, theirs))
    )
    return EnergyDistance(2.0 * between - within_ours - within_theirs, len(ours), len(theirs))


def best_candidate_dice(candidates: ArrayLike, raters: ArrayLike) -> float:
    """Return the mean over the raters of the Dice of the candidate that fits each best (Tyche, Rakic et al. 2024).

    It rises with the number of candidates. See `energy_distance` for parameters and errors.
    """
    return float(_overlaps(*_checked(candidates, raters))[0].max(axis=0).mean())


def matched_iou(candidates: ArrayLike, raters: ArrayLike) -> float:
    """Return the mean IoU of candidates and raters in the best one-to-one assignment (Kassapis et al. 2021).

    Both sides are repeated to the least common multiple of their numbers, so that every mask counts equally often.
    See `energy_distance` for parameters and errors.
    """
    iou = _overlaps(*_checked(candidates, raters))[1]
    count = lcm(*iou.shape)
    repeated = np.repeat(np.repeat(iou, count // iou.shape[0], axis=0), count // iou.shape[1], axis=1)
    return float(repeated[linear_sum_assignment(repeated, maximize=True)].mean())


def consensus_dice(prediction: ArrayLike, raters: ArrayLike) -> float:
    """Return the Dice of one mask where all raters agree; disputed voxels do not count (CURVAS challenge, 2024).

    Parameters
    ----------
    prediction
        Mask (...).
    raters
        Masks (m, ...), at least one.

    Raises
    ------
    GeometryMismatch
        The masks differ in shape.
    InvalidRequest
        There is no rater.
    """
    ours, theirs = _checked(np.asarray(prediction)[None], raters)
    certain, impossible = theirs.all(axis=0), ~theirs.any(axis=0)
    return float(_overlaps(ours & (certain | impossible), np.array([certain]))[0][0, 0])


def _checked(candidates: ArrayLike, raters: ArrayLike) -> tuple[Masks, Masks]:
    ours, theirs = np.asarray(candidates) != 0, np.asarray(raters) != 0
    if len(ours) == 0 or len(theirs) == 0:
        message = f"There are {len(ours)} candidates and {len(theirs)} raters; each side needs one at least."
        raise InvalidRequest(message, "Count a method that gave no candidate as a failure.")
    if ours.shape[1:] != theirs.shape[1:]:
        message = f"The candidates have the shape {ours.shape[1:]}, the raters {theirs.shape[1:]}."
        raise GeometryMismatch(message)
    ours, theirs = ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1)
    used = ours.any(axis=0) | theirs.any(axis=0)  # the background around all masks changes nothing
    return ours[:, used], theirs[:, used]


def _overlaps(first: Masks, second: Masks) -> tuple[Float64, Float64]:
    """Return Dice and IoU (n, m) of every row of one side with every row of the other."""
    both = np.array([[np.count_nonzero(a & b) for b in second] for a in first], dtype=np.float64)
    total = first.sum(axis=1, dtype=np.float64)[:, None] + second.sum(axis=1, dtype=np.float64)
    union = np.maximum(total - both, 1.0)  # 1 only where both are empty
    dice = np.where(total == 0, 1.0, 2.0 * both / np.maximum(total, 1.0))
    return dice, np.where(total == 0, 1.0, both / union)
