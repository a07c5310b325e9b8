"""The candidates of a result as structures of their own, beside what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .result import SegmentationResult, Structure
from .volume import VolumePatch


def candidate_name(name: str, number: int) -> str:
    """Return what a candidate of the structure `name` is called; the most typical one has the number 1."""
    return f"{name} candidate {number}"


def with_structures(result: SegmentationResult, name: str, *, candidates: bool = False) -> SegmentationResult:
    """Return a result of one structure with that structure named, as files and segments need it.

    Parameters
    ----------
    result
        Of one structure.
    name
        Its name.
    candidates
        Whether its candidates follow as structures of their own. They overlap.
    """
    answer = Structure(name, result.mask, result.probability, result.quality)
    others = [_structure(candidate_name(name, n), mask) for n, mask in enumerate(result.candidates, start=1)]
    return replace(result, structures=(answer, *(others if candidates else ())))


def _structure(name: str, mask: VolumePatch) -> Structure:
    return Structure(name, mask, replace(mask, array=mask.array.astype(np.float16)))
