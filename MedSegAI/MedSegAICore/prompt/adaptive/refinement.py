"""From blocks back to voxels: the border snaps to the edges of the full-resolution image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...engine.run import Run
from ...volume import nonzero_bounds
from .evolution import Scene
from .random_walker import Accuracy, EdgeWeights, Seeds, walk
from .settings import AdaptiveSettings

Float32 = NDArray[np.float32]

CERTAIN = 0.1
"""Below this probability, and above one minus it, a coarse answer is not questioned."""

VOXEL_LIMIT = 12_000_000
"""Larger structures keep the interpolated border: it is a small part of them."""

FULL_RESOLUTION = Accuracy(steps=12, tolerance=5e-3)


def refined(scene: Scene, coarse: Float32, array: NDArray[Any], settings: AdaptiveSettings, run: Run) -> Float32:
    """Return the probability (k, j, i) on the voxels of a scene's region.

    Parameters
    ----------
    scene, coarse
        A scene and the answer on its blocks.
    array
        Intensities of the whole volume.
    settings
        How to weigh edges.
    run
        Progress and cancel.
    """
    run.step(0.0, "Refining the border")
    fine = scene.region.enlarged(coarse)
    bounds = nonzero_bounds(fine > CERTAIN)
    if scene.region.factor == (1, 1, 1) or bounds is None:
        return fine
    cut = tuple(slice(max(part.start - 2, 0), part.stop + 2) for part in bounds)
    own = fine[cut]
    if own.size > VOXEL_LIMIT:
        return fine
    image = np.asarray(array[scene.region.bounds][cut], dtype=np.float32)
    smooth = ndimage.gaussian_filter(image, 0.5)
    edges = EdgeWeights.of_image(smooth, scene.region.voxel_mm, settings.contrast, settings.weakest_edge)
    certain = (own < CERTAIN) | (own > 1 - CERTAIN)
    seeds = Seeds(certain, own > 0.5)
    fine[cut] = walk(own, own, settings.trust / 4, edges, seeds, FULL_RESOLUTION, run)
    return fine
