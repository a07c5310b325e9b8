"""What the AI In-context effect remembers of its answers: how long they took, and what was written of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from MedSegAICore.incontext.passes import predicted_seconds
from MedSegAICore.request import ContextOptions

from ..mrml.structures import structureMask


@dataclass(frozen=True)
class SliceTime:
    """How long a network took for one slice.

    Parameters
    ----------
    model
        Its name in the catalogue.
    options
        The `ContextOptions`.
    labels
        Number of structures.
    seconds
        The time [s].
    axis
        Axis (k, j, i) of the volume that the slice lies across.
    """

    model: str
    options: ContextOptions
    labels: int
    seconds: float
    axis: int

    def predicted(self, options, scope, shape):
        """Return how long a volume (k, j, i) of a shape takes at most [s]."""
        slices = sum(shape) if scope.fuse_axes else shape[self.axis]
        return predicted_seconds(self.seconds, self.options, options, slices, self.labels)


@dataclass(frozen=True, eq=False)
class WrittenAnswer:
    """Masks as they were applied.

    Parameters
    ----------
    model
        What has found them.
    masks
        Name of a structure -> mask.
    bounds
        Box of the volume (k, j, i) that they decide about; None for all of it.
    """

    model: str
    masks: dict
    bounds: tuple | None

    @classmethod
    def of(cls, answer, threshold):
        """Return what applying a `StructureAnswer` at a threshold writes."""
        asked = answer.result.provenance.task["threshold"]
        masks = {one.label: structureMask(one, threshold, asked) for one in answer.chosen.structures}
        return cls(answer.result.provenance.model, masks, answer.region.bounds if answer.region else None)

    def decides(self, bounds):
        """Tell whether it says something about a box of the volume."""
        return self.bounds is None or self.bounds == bounds

    def isKept(self, masks, bounds):
        """Tell whether what is drawn in a box still is what was written there."""
        labels = {*masks, *self.masks}
        return all(
            np.array_equal(_within(masks.get(label), bounds), _within(self.masks.get(label), bounds))
            for label in labels
        )


def originOf(written, masks, bounds):
    """Return how masks in a box of a volume came about: origin and model, as for `ContextExample`.

    Parameters
    ----------
    written
        `WrittenAnswer`s of the volume, the oldest first.
    masks
        Name of a structure -> mask, as they are now.
    bounds
        The box (k, j, i).
    """
    for one in reversed(written):
        if one.decides(bounds):
            return ("accepted" if one.isKept(masks, bounds) else "corrected"), one.model
    return "drawn", ""


def _within(mask, bounds):
    if mask is None:
        return np.zeros([cut.stop - cut.start for cut in bounds], dtype=bool)
    return mask.within(bounds).astype(bool)
