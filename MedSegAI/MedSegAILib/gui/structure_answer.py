"""What was found by examples on a volume, and what there is to show of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


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
        """The result with the structures of the chosen candidate."""
        return withCandidate(self.result, self.candidate)

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


def withCandidate(result, number):
    """Return a result with the structures of one of its candidates, counted from 1; 0 leaves it as it is.

    A candidate says what is inside; of several structures each voxel belongs to the likeliest one.
    """
    if not 0 < number <= len(result.candidates):
        return result
    candidate, several = result.candidates[number - 1], len(result.structures) > 1
    structures = []
    for structure in result.structures:
        inside = candidate.array.astype(bool)
        if several:
            inside = inside & (structure.probability.within(candidate.bounds) > 0)
        mask = replace(candidate, array=inside)
        probability = replace(candidate, array=inside.astype(np.float16))
        structures.append(replace(structure, mask=mask, probability=probability))
    return replace(result, mask=candidate, structures=tuple(structures))
