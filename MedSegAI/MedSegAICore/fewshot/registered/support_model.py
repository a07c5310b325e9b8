"""What is learned from examples once, so that a query does not pay for it again."""

from __future__ import annotations

from dataclasses import dataclass

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
