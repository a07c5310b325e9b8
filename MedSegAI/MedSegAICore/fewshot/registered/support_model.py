"""What is learned from examples once, so that a query does not pay for it again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from .classifier import VoxelClassifier
from .scan import Scan


@dataclass(frozen=True, eq=False)
class SupportModel:
    """Fitted examples.

    Parameters
    ----------
    labels
        Names of the structures.
    scans
        The examples.
    spacing
        Of the voxels that are classified, along the canonical axes (i, j, k) or the two of a plane [mm].
    reach
        How far from the prior structures are looked for [voxels of `spacing`].
    classifiers
        Networks whose answers are averaged.
    """

    labels: tuple[str, ...]
    scans: tuple[Scan, ...]
    spacing: tuple[float, ...]
    reach: float
    classifiers: tuple[VoxelClassifier, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about structures that the grid is too coarse for, in words."""
        counts = np.array([_voxels(scan, len(self.labels)) for scan in self.scans])
        said = []
        for label, of_label in zip(self.labels, counts.T, strict=True):
            lost = int(np.count_nonzero(of_label == 0))
            if of_label.max() <= 1:
                said.append(f"'{label}' is too small to be found reliably: one voxel or less of what is learned from.")
            elif lost:
                share = f"{lost} of {len(counts)} examples"
                said.append(
                    f"'{label}' is smaller than a voxel of what is learned from on {share}, which teach nothing."
                )
        return tuple(said)


def _voxels(scan: Scan, labels: int) -> list[int]:
    values = sitk.GetArrayViewFromImage(scan.labels)
    counts: list[int] = np.bincount(values.ravel(), minlength=labels + 1)[1:].tolist()
    return counts
