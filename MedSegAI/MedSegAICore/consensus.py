"""Several plausible masks of one structure: what they say together, where they differ, and how large it may be.

Source of STAPLE: Warfield et al., Simultaneous truth and performance level estimation, IEEE TMI 2004.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import GeometryMismatch
from .request import Combination
from .volume import VolumePatch, nonzero_bounds

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

STAPLE_MARGIN = 2
"""Voxels of background that STAPLE sees around all masks: with much more of it, it drifts towards their union."""

CERTAIN = 1e-3
"""Less entropy than this [bits] is none: it comes from rounding."""


def combined(probabilities: NDArray[Any], how: Combination) -> Float32:
    """Return what several answers say together, float32 in [0, 1] (k, j, i).

    Parameters
    ----------
    probabilities
        (answers, k, j, i) in [0, 1], or their masks.
    how
        `mean` of the probabilities; `vote`: the share of answers with 0.5 or more; `staple`: the probability that
        STAPLE gives to their masks.
    """
    if how == "mean" or len(probabilities) == 1:
        return np.asarray(np.mean(probabilities, axis=0, dtype=np.float32))
    masks: Bool = np.asarray(probabilities >= np.float32(0.5))
    if how == "vote":
        return np.asarray(masks.mean(axis=0, dtype=np.float32))
    return staple(masks)


def staple(masks: Bool) -> Float32:
    """Return the probability of being inside that STAPLE gives to masks (answers, k, j, i).

    It is computed in the box of all masks with a small margin, because the result depends on how much background is
    there. STAPLE takes the answers as independent, which those of one network are not.
    """
    found = np.zeros(masks.shape[1:], np.float32)
    bounds = nonzero_bounds(np.asarray(masks.any(axis=0)))
    if bounds is None:
        return found
    if (masks == masks[0]).all():  # it would not converge
        found[masks[0]] = 1
        return found
    import SimpleITK as sitk  # takes long to open; who only looks at candidates does without

    ends = zip(bounds, masks.shape[1:], strict=True)
    box = tuple(slice(max(0, cut.start - STAPLE_MARGIN), min(length, cut.stop + STAPLE_MARGIN)) for cut, length in ends)
    images = [sitk.GetImageFromArray(mask[box].astype(np.uint8)) for mask in masks]
    found[box] = np.clip(np.nan_to_num(sitk.GetArrayFromImage(sitk.STAPLE(images, 1.0))), 0, 1)
    return found


def entropy(probability: NDArray[Any]) -> Float32:
    """Return the entropy of being inside [bits], float32 in [0, 1]: where answers waver or differ it is high."""
    inside = np.clip(np.asarray(probability, dtype=np.float32), 1e-6, 1 - 1e-6)
    bits = -(inside * np.log2(inside) + (1 - inside) * np.log2(1 - inside))
    return np.asarray(np.where(bits < CERTAIN, np.float32(0), bits), dtype=np.float32)


def deviation(probabilities: NDArray[Any]) -> Float32:
    """Return the standard deviation of the answers (answers, k, j, i) at each voxel, float32 in [0, 0.5]."""
    return np.asarray(np.std(probabilities, axis=0, dtype=np.float32))


def volume_interval(masks: Sequence[VolumePatch]) -> tuple[float, float]:
    """Return between which volumes [ml] nine of ten masks lie: the quantiles 5 % and 95 %, linear in between."""
    voxels = [float(np.count_nonzero(mask.array) * mask.geometry.spacing_kji.prod() / 1000) for mask in masks]
    low, high = np.quantile(voxels, (0.05, 0.95)).tolist()
    return low, high


def by_agreement(masks: Sequence[VolumePatch]) -> tuple[VolumePatch, ...]:
    """Return masks in the order of their mean Dice with the others, the most typical one first."""
    scores = [np.mean([patch_dice(one, other) for other in masks if other is not one] or [1.0]) for one in masks]
    return tuple(masks[place] for place in np.argsort(-np.asarray(scores), kind="stable"))


def best_candidate(candidates: Sequence[VolumePatch], accepted: VolumePatch) -> tuple[int, float]:
    """Return which candidate fits best what was accepted, and its Dice there.

    Parameters
    ----------
    candidates
        bool patches, at least one.
    accepted
        bool patch whose box was looked at by the user: only there the candidates are compared.

    Raises
    ------
    GeometryMismatch
        They lie on different grids.
    """
    if not all(candidate.geometry.matches(accepted.geometry) for candidate in candidates):
        message = "The candidates do not lie on the grid of what was accepted."
        raise GeometryMismatch(message)
    scores = [_dice(candidate.within(accepted.bounds), accepted.array) for candidate in candidates]
    best = int(np.argmax(scores))
    return best, scores[best]


def patch_dice(one: VolumePatch, other: VolumePatch) -> float:
    """Return the Dice [0, 1] of two bool patches of one volume; 1 if both are empty."""
    total = int(np.count_nonzero(one.array)) + int(np.count_nonzero(other.array))
    shared = int(np.count_nonzero(one.array & other.within(one.bounds)))
    return 2 * shared / total if total else 1.0


def _dice(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    inside, drawn = np.asarray(one, dtype=np.bool_), np.asarray(other, dtype=np.bool_)
    total = int(inside.sum()) + int(drawn.sum())
    return 2 * int((inside & drawn).sum()) / total if total else 1.0
