"""What was found by examples on a volume, and what there is to show of it."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass
class StructureAnswer:
    """A result, and whether it was applied.

    Parameters
    ----------
    image
        The `ImageVolume` that it was found on.
    result
        The `SegmentationResult`.
    region
        Mask of where it was looked (bool `VolumePatch`); None for the whole volume.
    candidate
        Number of the candidate that was chosen, from 1 on; 0 for the result itself.
    isApplied
        Whether it lies in segments; it is shown again once the threshold is moved.
    """

    image: object
    result: object
    region: object = None
    candidate: int = 0
    isApplied: bool = False

    @property
    def chosen(self):
        """The result with the structures of the chosen candidate, which its provenance names."""
        made = self.result.provenance
        if not self.candidate:
            return self.result
        asked = replace(made, task={**made.task, "candidate": self.candidate})
        return replace(self.result.with_candidate(self.candidate), provenance=asked)

    def quality(self, label):
        """Dice to be expected of a structure; None if that is not known."""
        return next((one.quality for one in self.result.structures if one.label == label), None)

    def groups(self, looks):
        """Return the probability of every structure with its colour, as `SlicePreviews` takes them."""
        return [([one.probability], looks[one.label].color) for one in self.chosen.structures]


@dataclass(frozen=True)
class StructureRow:
    """What there is to show of a structure: its colour, the `Expected` Dice, and what to expect on this volume."""

    label: str
    color: tuple[float, float, float]
    expected: object = None
    quality: float | None = None
