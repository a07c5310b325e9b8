"""Where the examples' structures come to lie on an image: soft priors from registered masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ..engine.run import Run
from .grids import Float32, resampled
from .registration import Registration

NEIGHBOURHOOD = 2.0
"""Standard deviation of the neighbourhood in which images are compared [voxels]."""

LIKENESS = 4.0
"""An example counts by exp(LIKENESS * (local + overall correlation))."""


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
    fine: sitk.Image, scans: Sequence[Scan], registrations: Sequence[Registration], labels: int, run: Run
) -> Priors:
    """Return the priors of `labels` structures on the grid of the image `fine` (float32 from 0 to 1)."""
    target = sitk.GetArrayFromImage(fine)
    shape = (labels, *target.shape)
    weighted, deformable, affine = (np.zeros(shape, dtype=np.float32) for _ in range(3))
    total = np.zeros(target.shape, dtype=np.float32)
    for scan, registration in zip(scans, registrations, strict=True):
        run.check()
        moved = sitk.GetArrayFromImage(resampled(scan.fine, fine, registration.deformable))
        weight = np.exp(LIKENESS * (local_correlation(target, moved) + np.float32(registration.similarity)))
        total += weight
        for label in range(labels):
            run.check()
            mask = sitk.Cast(scan.labels == label + 1, sitk.sitkFloat32)
            soft = sitk.GetArrayFromImage(resampled(mask, fine, registration.deformable, outside=0.0))
            weighted[label] += weight * soft
            deformable[label] += soft
            affine[label] += sitk.GetArrayFromImage(resampled(mask, fine, registration.affine, outside=0.0))
    for whole, share in ((weighted, total), (deformable, len(scans)), (affine, len(scans))):
        whole /= share
    return Priors(weighted, deformable, affine)


def local_correlation(one: Float32, other: Float32) -> Float32:
    """Return the correlation of two images [-1, 1] in the neighbourhood of each voxel; 0 where one is constant."""

    def mean(array: Float32) -> Float32:
        return np.asarray(ndimage.gaussian_filter(array, NEIGHBOURHOOD))

    mean_one, mean_other = mean(one), mean(other)
    variance_one = np.maximum(mean(one * one) - mean_one**2, 0)
    variance_other = np.maximum(mean(other * other) - mean_other**2, 0)
    covariance = mean(one * other) - mean_one * mean_other
    return np.asarray(np.clip(covariance / np.sqrt(variance_one * variance_other + 1e-8), -1, 1))
