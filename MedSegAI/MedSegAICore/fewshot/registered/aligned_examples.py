"""Examples as they come to lie on a slice, for whoever wants to compare them with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ...engine.run import Run
from .alignment import Alignment
from .grids import Float32, resampled
from .prior import moved_masks
from .scan import Scan


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


def aligned_examples(
    fine: sitk.Image, scans: Sequence[Scan], alignments: Sequence[Alignment], structures: int, run: Run
) -> AlignedExamples:
    """Return each example by that of its registrations after which it is most like a slice.

    Parameters
    ----------
    fine
        The slice, from 0 to 1.
    scans, alignments
        The examples, and how each lies on the slice.
    structures
        How many structures they show.
    run
        Cancel.

    Raises
    ------
    Cancelled
        The run was stopped.
    """
    images, masks = [], []
    for scan, alignment in zip(scans, alignments, strict=True):
        best = max((alignment.whole, *alignment.near), key=lambda registration: registration.similarity)
        images.append(sitk.GetArrayFromImage(resampled(scan.fine, fine, best.deformable, run=run)))
        masks.append(moved_masks(scan, fine, best.deformable, structures, run))
    return AlignedExamples(np.stack(images), np.stack(masks))
