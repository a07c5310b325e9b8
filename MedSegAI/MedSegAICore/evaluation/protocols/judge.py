"""What an answer is worth: the metrics of a mask against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import GeometryMismatch
from ...volume import VolumePatch
from ..metrics.pair import MaskPair
from ..metrics.registry import Metric, failed, measure, standard_metrics
from ..work import Quantity

Mask = NDArray[np.bool_]

TRUE_VOLUME = "true_volume"
"""Name of the reference's volume."""


@dataclass(frozen=True)
class Judge:
    """Measures answers.

    Parameters
    ----------
    has_spacing
        The images say how large a voxel is; where not, lengths are in pixels.
    tolerance
        How far a surface may be off [mm, or pixels].
    """

    has_spacing: bool
    tolerance: float = 2.0

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured."""
        return standard_metrics(self.tolerance)

    def quantities(self) -> tuple[Quantity, ...]:
        """Return what is measured, as tables name it, and the volume of the reference for the plot of volumes."""
        measured = (quantity_of(metric, has_spacing=self.has_spacing) for metric in self.metrics)
        unit = "ml" if self.has_spacing else "px"
        reference = "number of voxels of the reference, times their volume"
        return (*measured, Quantity(TRUE_VOLUME, "Reference volume", unit, None, reference, shown=False))

    def pair(self, answer: Mask, truth: VolumePatch) -> MaskPair:
        """Return answer and truth (k, j, i) of a whole image as a pair."""
        return MaskPair.of(answer, truth.array, truth.geometry.spacing_kji if self.has_spacing else None)

    def values(self, answer: Mask, truth: VolumePatch) -> dict[str, float]:
        """Return the value of every quantity by its name."""
        return self.values_of_pair(self.pair(answer, truth))

    def values_of_pair(self, pair: MaskPair) -> dict[str, float]:
        """Return the value of every quantity by its name."""
        return measure(pair, self.metrics) | {TRUE_VOLUME: pair.sizes[1] * pair.voxel_volume}

    def failed_values(self, truth: VolumePatch) -> dict[str, float]:
        """Return the values of a method that gave no answer."""
        return self.failed_values_of_pair(self.pair(np.zeros_like(truth.array), truth))

    def failed_values_of_pair(self, pair: MaskPair) -> dict[str, float]:
        """Return the values of a method that gave no answer."""
        return failed(pair, self.metrics) | {TRUE_VOLUME: pair.sizes[1] * pair.voxel_volume}


def quantity_of(metric: Metric, *, has_spacing: bool) -> Quantity:
    """Return a metric as tables name it; no overlap at all counts as a failure."""
    unit = metric.unit_for(has_spacing=has_spacing)
    missed = 0.0 if metric.name == "dice" else None
    return Quantity(metric.name, metric.title, unit, metric.higher_is_better, metric.reference, failure_value=missed)


def checked_answer(answer: Any, shape: tuple[int, ...]) -> Mask:
    """Return what a method answered as a mask (k, j, i).

    Raises
    ------
    GeometryMismatch
        It has not the shape of the image.
    """
    mask = np.asarray(answer)
    if mask.shape != shape:
        message = f"The method answered with a mask of the shape {mask.shape} to an image of the shape {shape}."
        raise GeometryMismatch(message, "Let the method return a mask on the grid of the image.")
    return mask.astype(np.bool_, copy=False)
