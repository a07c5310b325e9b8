"""Registered examples without anything learned: what few-shot segmentation has to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..engine.run import Run
from ..fewshot.registered.grids import as_itk, as_voxels, coarse_image, normalised, resampled
from ..fewshot.registered.registration import register, register_affine
from ..support import Support
from ..volume import ImageVolume, VolumePatch

Register = Callable[[sitk.Image, sitk.Image, Run], sitk.Transform]


def affine_masks(supports: Sequence[Support], query: ImageVolume, run: Run) -> NDArray[np.bool_]:
    """Return where at least half of the examples have the structure after an affine registration (k, j, i)."""
    return _vote(supports, query, register_affine, run)


def deformed_masks(supports: Sequence[Support], query: ImageVolume, run: Run) -> NDArray[np.bool_]:
    """Return where at least half of the examples have the structure after affine and deformable registration."""
    return _vote(supports, query, lambda fixed, moving, part: register(fixed, moving, part).deformable, run)


def _vote(supports: Sequence[Support], query: ImageVolume, register: Register, run: Run) -> NDArray[np.bool_]:
    view = query.canonical().geometry
    fixed = coarse_image(normalised(query))
    grid = as_itk(np.zeros(view.shape, dtype=np.uint8), view)
    share = np.zeros(view.shape, dtype=np.float32)
    for number, support in enumerate(supports):
        part = run.part(number / len(supports), (number + 1) / len(supports))
        transform = register(fixed, coarse_image(normalised(support.image)), part)
        drawn = support.mask.canonical().full().astype(np.float32)
        mask = as_itk(drawn, support.image.canonical().geometry)
        share += as_voxels(resampled(mask, grid, transform, outside=0.0), view)
    whole = VolumePatch.whole(share >= 0.5 * len(supports), view)
    return np.asarray(whole.in_storage_order(query.geometry).full(), dtype=np.bool_)
