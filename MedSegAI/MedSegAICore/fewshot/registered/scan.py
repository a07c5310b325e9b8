"""An example as it is kept: a small image of everything, and the box around the structures."""

from __future__ import annotations

from dataclasses import dataclass

import SimpleITK as sitk


@dataclass(frozen=True, eq=False)
class Scan:
    """One example, ready to be registered.

    Parameters
    ----------
    coarse
        The whole image, float32 from 0 to 1, with few voxels: what is registered.
    fine
        The box around the structures with more voxels: what is learned from.
    labels
        uint8 on the grid of `fine`: 1 for the first structure, and so on.
    """

    coarse: sitk.Image
    fine: sitk.Image
    labels: sitk.Image
