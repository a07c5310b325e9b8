"""What others say about the structures that were found on a slice, and all opinions as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import SimpleITK as sitk

from ...engine.run import Run
from .alignment import Alignment
from .grids import Float32, resampled
from .prior import moved_masks
from .query import RegisteredQuery
from .scan import Scan

PLANE = 2
"""Dimensions of an image that others can be asked about."""


@dataclass(frozen=True, eq=False)
class AlignedExamples:
    """Examples as they come to lie on a slice.

    Parameters
    ----------
    images
        (examples, rows, columns) intensities from 0 to 1.
    masks
        (examples, structures, rows, columns) from 0 to 1.
    """

    images: Float32
    masks: Float32

    def of(self, structure: int) -> AlignedExamples:
        """Return the same of one structure by its number."""
        return AlignedExamples(self.images, self.masks[:, structure : structure + 1])


class SliceLook(Protocol):
    """Looks at what was found on slices."""

    @property
    def weights_hash(self) -> str:
        """Return the sha256 of its weights."""
        ...

    @property
    def device(self) -> str:
        """Say where it runs."""
        ...

    def opinions(
        self, levels: Float32, spacing_mm: tuple[float, float], found: Float32, examples: AlignedExamples, run: Run
    ) -> Sequence[Float32]:
        """Return one probability (rows, columns) of a structure or several.

        Parameters
        ----------
        levels
            Intensities (rows, columns) from 0 to 1.
        spacing_mm
            Distance between (rows, columns) [mm].
        found
            Probability (rows, columns) by the method that asks.
        examples
            Those that show the structure, one structure each.
        run
            Cancel.

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
    examples = aligned_examples(fine, scans, registered.alignments, len(answer), run)
    said = []
    for structure, found in enumerate(answer):
        others = look.opinions(levels, (rows_mm, columns_mm), found, examples.of(structure), run)
        said.append(np.mean([found, *others], axis=0))
    together = np.stack(said)
    return np.asarray(together / np.maximum(together.sum(axis=0), 1), dtype=np.float32)


def aligned_examples(
    fine: sitk.Image, scans: Sequence[Scan], alignments: Sequence[Alignment], structures: int, run: Run
) -> AlignedExamples:
    """Return each example by that of its registrations after which it is most like a slice."""
    images, masks = [], []
    for scan, alignment in zip(scans, alignments, strict=True):
        best = max((alignment.whole, *alignment.near), key=lambda registration: registration.similarity)
        images.append(sitk.GetArrayFromImage(resampled(scan.fine, fine, best.deformable, run=run)))
        masks.append(moved_masks(scan, fine, best.deformable, structures, run))
    return AlignedExamples(np.stack(images), np.stack(masks))
