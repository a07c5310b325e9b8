"""What others say about the structures that were found on a slice, and all opinions as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Protocol

import numpy as np
import SimpleITK as sitk

from ...engine.run import Run
from .aligned_examples import AlignedExamples, aligned_examples
from .grids import Float32
from .query import RegisteredQuery
from .scan import Scan

PLANE = 2
"""Dimensions of an image that others can be asked about."""


@dataclass(frozen=True, eq=False)
class FoundOnSlice:
    """What a method has found of a structure on a slice, about which others are asked.

    Parameters
    ----------
    levels
        Intensities (rows, columns) from 0 to 1.
    spacing_mm
        Distance between (rows, columns) [mm].
    found
        Probability (rows, columns) by the method that asks.
    examples
        Returns those that show the structure, one structure each; they are laid on the slice when first asked for.
    """

    levels: Float32
    spacing_mm: tuple[float, float]
    found: Float32
    examples: Callable[[], AlignedExamples]


class SliceLook(Protocol):
    """Looks at what was found on slices."""

    def opinions(self, asked: FoundOnSlice, run: Run) -> Sequence[Float32]:
        """Return one probability (rows, columns) of a structure or several.

        Raises
        ------
        Cancelled
            The run was stopped.
        """
        ...


def with_opinions(
    registered: RegisteredQuery, scans: Sequence[Scan], answer: Float32, look: SliceLook, run: Run
) -> Float32:
    """Return probabilities (structures, rows, columns) on the box of a slice: the mean of all opinions.

    The method that asks counts as one of them. They add up to 1 at most.

    Parameters
    ----------
    registered
        The slice.
    scans
        The examples.
    answer
        What the method says that asks, (structures, rows, columns).
    look
        Who is asked.
    run
        Cancel.

    Raises
    ------
    Cancelled
        The run was stopped.
    """
    fine = registered.fine
    levels, (columns_mm, rows_mm) = sitk.GetArrayFromImage(fine), fine.GetSpacing()

    @cache
    def aligned() -> AlignedExamples:
        return aligned_examples(fine, scans, registered.alignments, len(answer), run)

    def aligned_with(structure: int) -> AlignedExamples:
        return aligned().of(structure)

    said = []
    for structure, found in enumerate(answer):
        asked = FoundOnSlice(levels, (rows_mm, columns_mm), found, partial(aligned_with, structure))
        said.append(np.mean([found, *look.opinions(asked, run)], axis=0))
    together = np.stack(said)
    return np.asarray(together / np.maximum(together.sum(axis=0), 1), dtype=np.float32)
