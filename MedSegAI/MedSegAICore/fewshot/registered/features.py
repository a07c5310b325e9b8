"""What the classifier knows of a voxel: its neighbourhood at several scales, and what the prior says about it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...engine.run import Run
from .grids import Float32

SCALES = (1.0, 2.0, 4.0)
"""Standard deviations of the neighbourhoods [voxels]."""

PRIOR_SCALE = 2.0
"""Standard deviation of the smoothed prior [voxels]."""

LEAST_PRIOR = 0.05
"""Voxels where all structures together are likelier than this are surely looked at."""


def feature_count(structures: int) -> int:
    """Return how many features a voxel has."""
    return 1 + 4 * len(SCALES) + 2 * structures


def look_region(prior: Float32, reach: float) -> NDArray[np.bool_]:
    """Return where structures may be: no farther than `reach` [voxels] from where a prior (structures, ...) is."""
    likely = np.asarray(prior.sum(axis=0) > LEAST_PRIOR)
    if not likely.any():
        return likely
    return np.asarray(ndimage.distance_transform_edt(~likely) <= reach)


def voxel_features(
    image: Float32, prior: Float32, region: NDArray[np.bool_], standard: NDArray[np.bool_], run: Run
) -> Float32:
    """Return the features (n, `feature_count`) of the n voxels of a region.

    Parameters
    ----------
    image
        Intensities.
    prior
        Probability of every structure (structures, ...).
    region
        The voxels that are described.
    standard
        The voxels whose intensities have the mean 0 and the standard deviation 1.
    run
        Progress and cancel.
    """
    appearance = appearance_features(image, region, standard, run)
    return np.concatenate([appearance, prior_features(prior, region, run)], axis=1)


def appearance_features(image: Float32, region: NDArray[np.bool_], standard: NDArray[np.bool_], run: Run) -> Float32:
    """Return what the n voxels of a region look like (n, 13); see `voxel_features`."""
    inside = image[standard if standard.any() else region]
    scaled = (image - inside.mean()) / (inside.std() + 1e-6)
    columns = [scaled[region]]
    for sigma in SCALES:
        run.check()
        smooth = ndimage.gaussian_filter(scaled, sigma)
        run.check()
        gradient = ndimage.gaussian_gradient_magnitude(scaled, sigma) * sigma
        run.check()
        laplacian = ndimage.gaussian_laplace(scaled, sigma) * sigma**2
        run.check()
        variance = ndimage.gaussian_filter(scaled * scaled, sigma) - smooth * smooth
        deviation = np.sqrt(np.maximum(variance, 0))
        columns += [part[region] for part in (smooth, gradient, laplacian, deviation)]
    return np.stack(columns, axis=1).astype(np.float32)


def prior_features(prior: Float32, region: NDArray[np.bool_], run: Run) -> Float32:
    """Return the prior (structures, ...) and the smoothed prior of the n voxels of a region (n, 2 * structures)."""
    smooth = []
    for one in prior:
        run.check()
        smooth.append(ndimage.gaussian_filter(one, PRIOR_SCALE))
    return np.stack([part[region] for part in (*prior, *smooth)], axis=1).astype(np.float32)
