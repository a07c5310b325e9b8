"""Where the examples' structures come to lie on an image: soft priors from registered masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ...engine.run import Run
from .alignment import Alignment
from .grids import Float32, resampled
from .scan import Scan

NEIGHBOURHOOD = 2.0
"""Standard deviation of the neighbourhood in which images are compared [voxels]."""

LIKENESS = 8.0
"""An example counts by exp(LIKENESS * (local + overall correlation))."""


@dataclass(frozen=True, eq=False)
class Priors:
    """What registered examples say about a box of an image, as probabilities of every structure.

    Parameters
    ----------
    weighted
        Examples weighted by how well they fit, locally and overall: float32 (structures, ...).
    deformable
        Mean of all examples after deformation.
    affine
        Mean of all examples after the affine map.
    """

    weighted: Float32
    deformable: Float32
    affine: Float32


def gather_priors(
    fine: sitk.Image, scans: Sequence[Scan], alignments: Sequence[Alignment], labels: int, run: Run
) -> Priors:
    """Return the priors of `labels` structures on the grid of the image `fine` (float32 from 0 to 1)."""
    target = sitk.GetArrayFromImage(fine)
    shape = (labels, *target.shape)
    weighted, deformable, affine = (np.zeros(shape, dtype=np.float32) for _ in range(3))
    total = np.zeros(target.shape, dtype=np.float32)
    for scan, alignment in zip(scans, alignments, strict=True):
        for registration in (alignment.whole, *alignment.near):
            run.check()
            moved = sitk.GetArrayFromImage(resampled(scan.fine, fine, registration.deformable, run=run))
            weight = np.exp(LIKENESS * (local_correlation(target, moved) + np.float32(registration.similarity)))
            total += weight
            soft = moved_masks(scan, fine, registration.deformable, labels, run)
            weighted += weight * soft
            if registration is alignment.whole:
                deformable += soft
                affine += moved_masks(scan, fine, registration.affine, labels, run)
    for whole, share in ((weighted, total), (deformable, len(scans)), (affine, len(scans))):
        whole /= share
    return Priors(weighted, deformable, affine)


def moved_masks(scan: Scan, grid: sitk.Image, transform: sitk.Transform, labels: int, run: Run) -> Float32:
    """Return an example's structures on another grid, from 0 to 1: float32 (structures, ...)."""
    masks = (sitk.Cast(scan.labels == label + 1, sitk.sitkFloat32) for label in range(labels))
    return np.stack([sitk.GetArrayFromImage(resampled(mask, grid, transform, 0.0, run)) for mask in masks])


def local_correlation(one: Float32, other: Float32) -> Float32:
    """Return the correlation of two images [-1, 1] in the neighbourhood of each voxel; 0 where one is constant."""

    def mean(array: Float32) -> Float32:
        return np.asarray(ndimage.gaussian_filter(array, NEIGHBOURHOOD))

    mean_one, mean_other = mean(one), mean(other)
    variance_one = np.maximum(mean(one * one) - mean_one**2, 0)
    variance_other = np.maximum(mean(other * other) - mean_other**2, 0)
    covariance = mean(one * other) - mean_one * mean_other
    return np.asarray(np.clip(covariance / np.sqrt(variance_one * variance_other + 1e-8), -1, 1))
