"""What the engine answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .errors import InvalidRequest
from .volume import VolumePatch

LOW_QUALITY = 0.6
"""A Dice that is expected to be lower is worth a warning."""


@dataclass(frozen=True)
class Provenance:
    """How a result came about: enough to make it again.

    Parameters
    ----------
    task
        The task as plain data, with the window that was used (see `recipe.task_to_dict`).
    image_fingerprint
        The image it was made on.
    model, weights_hash
        The model and the sha256 of its weights ("" if it has none).
    device
        Where it ran, in words.
    versions
        Versions of MedSegAI and of the libraries that computed it.
    seconds
        Time it took [s].
    threads
        Number of threads of the libraries that computed it.
    """

    task: dict[str, Any]
    image_fingerprint: str
    model: str
    weights_hash: str
    device: str
    versions: dict[str, str]
    seconds: float
    threads: int = 1


@dataclass(frozen=True, eq=False)
class Structure:
    """One of several structures that were segmented together.

    Parameters
    ----------
    label
        Its name.
    mask
        bool patch (k, j, i); masks of different structures do not overlap.
    probability
        float16 patch in [0, 1]: of being inside any structure, where this is the likeliest one, else 0. The mask was
        cut from it, so another threshold gives other masks that do not overlap either.
    quality
        Dice [0, 1] to be expected; None if that is not known.
    """

    label: str
    mask: VolumePatch
    probability: VolumePatch
    quality: float | None = None


@dataclass(frozen=True, eq=False)
class SegmentationResult:
    """A segmentation of part of a volume.

    Parameters
    ----------
    mask
        bool patch (k, j, i): inside or outside. It can be empty.
    probability
        float16 patch in [0, 1] that the mask was cut from; it covers at least the mask.
    provenance
        How it was made.
    quality
        What the model thinks of its own answer, about 0 to 1; None if it does not say.
    candidates
        Other plausible masks, best first.
    uncertainty
        Patch in [0, 1], where a paradigm offers one.
    warnings
        What the user should know, in words.
    segment, generation
        As in the request.
    structures
        Where several structures are segmented together: each of them; `mask` and `probability` are of all.
    """

    mask: VolumePatch
    probability: VolumePatch
    provenance: Provenance
    quality: float | None = None
    candidates: tuple[VolumePatch, ...] = ()
    uncertainty: VolumePatch | None = None
    warnings: tuple[str, ...] = field(default=())
    segment: str = ""
    generation: int = 0
    structures: tuple[Structure, ...] = ()

    def with_candidate(self, number: int) -> SegmentationResult:
        """Return the result with the structures of one of its candidates, counted from 1; 0 leaves it as it is.

        A candidate says what is inside; of several structures each voxel belongs to the likeliest one.

        Raises
        ------
        InvalidRequest
            There is no such candidate.
        """
        if number == 0:
            return self
        if not 0 < number <= len(self.candidates):
            message = f"Of {len(self.candidates)} candidates number {number} is asked for."
            raise InvalidRequest(message, "Choose one of them, or 0 for what all of them say together.")
        candidate, several = self.candidates[number - 1], len(self.structures) > 1
        structures = []
        for structure in self.structures:
            inside = candidate.array.astype(np.bool_)
            if several:
                inside = inside & (structure.probability.within(candidate.bounds) > 0)
            mask = replace(candidate, array=inside)
            probability = replace(candidate, array=inside.astype(np.float16))
            structures.append(replace(structure, mask=mask, probability=probability))
        return replace(self, mask=candidate, structures=tuple(structures))
