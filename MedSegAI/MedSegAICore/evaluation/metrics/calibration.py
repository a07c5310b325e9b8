"""Whether a probability means what it says."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import GeometryMismatch, InvalidImage
from ...volume import Bounds, nonzero_bounds


def expected_calibration_error(
    probability: ArrayLike, truth: ArrayLike, spacing_kji: ArrayLike | None, *, margin: float = 20.0, bins: int = 20
) -> float:
    """Return the expected calibration error of the foreground around a structure (0 perfect .. 1).

    The probability of the foreground is sorted into equal bins (left, right], as monai's
    CalibrationErrorMetric(calibration_reduction="expected") does for one channel; a definition that sorts the larger of
    foreground and background probability, as torchmetrics has it, gives other numbers. Only a box around the true
    structure counts, because the easy background of a whole volume would hide every difference. The box depends on
    the truth alone, so that all methods are judged on the same voxels.

    Parameters
    ----------
    probability
        Probability of the structure (k, j, i), 0..1.
    truth
        The structure (k, j, i); without a voxel, the whole image counts.
    spacing_kji
        Distance between voxels along (k, j, i) [mm], or None.
    margin
        How far the box reaches beyond the structure on every side [mm, or pixels without spacing].
    bins
        Number of bins.

    Raises
    ------
    GeometryMismatch
        Probability and truth differ in shape.
    InvalidImage
        A probability is below 0, above 1 or not a number.
    """
    inside, chance = np.asarray(truth) != 0, np.asarray(probability)
    if inside.shape != chance.shape or inside.ndim != 3:
        message = f"The probability has the shape {chance.shape}, the reference {inside.shape}."
        raise GeometryMismatch(message, "Give both as arrays (k, j, i) of one grid.")
    spacing = np.ones(3) if spacing_kji is None else np.asarray(spacing_kji, dtype=np.float64)
    box = _box_around(inside, margin / spacing)
    inside, chance = inside[box].ravel(), chance[box].ravel().astype(np.float64)
    if not ((chance >= 0) & (chance <= 1)).all():
        message = "The probability holds values that are not between 0 and 1."
        raise InvalidImage(message, "Give probabilities; logits need a sigmoid first.")
    upper_edges = np.linspace(0, 1, bins + 1)[1:-1]
    place = np.searchsorted(upper_edges, chance, side="left")
    promised = np.bincount(place, weights=chance, minlength=bins)
    found = np.bincount(place, weights=inside, minlength=bins)
    # the share of a bin times the difference of its means is the difference of its sums over all voxels
    return float(np.abs(promised - found).sum() / len(chance))


def _box_around(structure: NDArray[np.bool_], margin_voxels: NDArray[np.float64]) -> Bounds:
    tight = nonzero_bounds(structure)
    if tight is None:
        return slice(None), slice(None), slice(None)
    reach = np.ceil(margin_voxels - 1e-6).astype(int)  # rounding must not add a layer of voxels
    k, j, i = (slice(max(cut.start - n, 0), cut.stop + n) for cut, n in zip(tight, reach.tolist(), strict=True))
    return k, j, i
