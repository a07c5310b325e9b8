"""What was found by examples on a volume, and what there is to show of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class FewShotAnswer:
    """A result, and whether it was applied.

    Parameters
    ----------
    image
        The `ImageVolume` that it was found on.
    result
        The `SegmentationResult`.
    isApplied
        Whether it lies in segments; it is shown again once the threshold is moved.
    """

    image: object
    result: object
    isApplied: bool = False

    def quality(self, label):
        """Dice to be expected of a structure; None if that is not known."""
        return next((one.quality for one in self.result.structures if one.label == label), None)

    def groups(self, looks):
        """Return the probability of every structure with its colour, as `SlicePreviews` takes them."""
        return [([one.probability], looks[one.label].color) for one in self.result.structures]


@dataclass(frozen=True)
class StructureRow:
    """What there is to show of a structure: its colour, the `Expected` Dice, and what to expect on this volume."""

    label: str
    color: tuple[float, float, float]
    expected: object = None
    quality: float | None = None
