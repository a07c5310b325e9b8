"""From blocks back to voxels: the border snaps to the edges of the full-resolution image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...engine.run import Run
from ...volume import nonzero_bounds
from .arrays import Cut, Float32
from .evolution import Scene
from .random_walker import Accuracy, EdgeWeights, Seeds, walk
from .settings import AdaptiveSettings

CERTAIN = 0.1
"""Below this probability, and above one minus it, a coarse answer is not questioned."""

FAINT = 0.1
"""Blocks below this probability, and not beside others, are outside beyond doubt: their voxels are not kept."""

SLAB_VOXELS = 2_000_000
"""Voxels that are refined at once, for their memory."""

SLAB_OVERLAP = 4
"""Slices that a slab sees of its neighbours; the walker's memory is shorter."""

NOTHING = (slice(0, 0), slice(0, 0), slice(0, 0))

FULL_RESOLUTION = Accuracy(steps=12, tolerance=5e-3)


def refined(
    scene: Scene, coarse: Float32, array: NDArray[Any], settings: AdaptiveSettings, run: Run
) -> tuple[Float32, Cut]:
    """Return the probability (k, j, i) on the voxels around the structure, and where in the region they lie.

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
    region = scene.region
    voxels = region.voxels_around(nonzero_bounds(coarse > FAINT) or NOTHING, margin=2)
    fine = region.enlarged(coarse, voxels, run)
    run.check()
    if region.factor == (1, 1, 1) or fine.size == 0:
        return fine, voxels
    image = array[region.bounds][voxels]
    depth = max(1, SLAB_VOXELS // (fine.shape[1] * fine.shape[2]))
    before = fine[:0]  # coarse answers of the slices below, which the slab's walker sees
    for first in range(0, len(fine), depth):
        run.step(first / len(fine), "Refining the border")
        last = min(first + depth, len(fine))
        seen = slice(first - len(before), last + SLAB_OVERLAP)
        own = np.concatenate([before, fine[first : seen.stop]])
        slab = _refined_slab(own, image[seen], region.voxel_mm, settings, run)
        start, before = len(before), fine[max(first, last - SLAB_OVERLAP) : last].copy()
        fine[first:last] = slab[start : start + last - first]
    return fine, voxels


def _refined_slab(
    own: Float32, image: NDArray[Any], voxel_mm: NDArray[np.float64], settings: AdaptiveSettings, run: Run
) -> Float32:
    smooth = ndimage.gaussian_filter(np.asarray(image, dtype=np.float32), 0.5)
    edges = EdgeWeights.of_image(smooth, voxel_mm, settings.contrast, settings.weakest_edge)
    certain = (own < CERTAIN) | (own > 1 - CERTAIN)
    seeds = Seeds(certain, own > 0.5)
    return walk(own, own, settings.trust / 4, edges, seeds, FULL_RESOLUTION, run)
