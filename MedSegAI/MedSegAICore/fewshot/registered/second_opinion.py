"""What somebody else says about the structures that were found on a slice, and both opinions as one."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import SimpleITK as sitk

from ...engine.run import Run
from .grids import Float32

PLANE = 2
"""Dimensions of an image that somebody else can be asked about."""

SHARE = 0.5
"""Weight of the second opinion.

It alone would be worse than the first where examples say exactly what is looked for, as those of radiographs do."""


class SliceLook(Protocol):
    """Looks at what was found on slices; see `prompt.network_look.NetworkLook`."""

    @property
    def weights_hash(self) -> str:
        """Return the sha256 of its weights."""
        ...

    @property
    def device(self) -> str:
        """Say where it runs."""
        ...

    def at(self, levels: Float32, spacing_mm: tuple[float, float], found: Float32, run: Run) -> Float32:
        """Return the probability (rows, columns) of a structure from intensities (0 to 1) and what was found."""
        ...


def with_second_opinion(fine: sitk.Image, answer: Float32, look: SliceLook, run: Run) -> Float32:
    """Return probabilities (structures, rows, columns) on the box of a slice, after a look at each structure.

    Parameters
    ----------
    fine
        The box, a plane: intensities from 0 to 1.
    answer
        What examples say, (structures, rows, columns).
    look
        Who is asked.
    run
        Cancel.

    Raises
    ------
    Cancelled
        The run was stopped.
    """
    levels = sitk.GetArrayFromImage(fine)
    columns_mm, rows_mm = fine.GetSpacing()
    looks = [look.at(levels, (rows_mm, columns_mm), found, run) for found in answer]
    both = (1 - SHARE) * answer + SHARE * np.stack(looks)
    return np.asarray(both / np.maximum(both.sum(axis=0), 1), dtype=np.float32)
