"""From blocks back to voxels: the border snaps to the edges of the full-resolution image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...engine.run import Run
from ...volume import nonzero_bounds
from .arrays import Cut, Float32, Mask
from .evidence import Evidence
from .evolution import Scene
from .random_walker import Accuracy, EdgeWeights, Seeds, walk
from .region import WorkRegion
from .settings import AdaptiveSettings

CERTAIN = 0.1
"""Below this probability, and above one minus it, a coarse answer is not questioned."""

FAINT = 0.1
"""Blocks below this probability, and not beside others, are outside beyond doubt: their voxels are not kept."""

TRUST_SHARE = 1 / 16
"""Trust in the blocks' answer where it is unsure: little, as the edges of voxels are sharper than those of blocks."""

SLAB_VOXELS = 2_000_000
"""Voxels that are refined at once, for their memory."""

SLAB_OVERLAP = 4
"""Slices that a slab sees of its neighbours; the walker's memory is shorter."""

NOTHING = (slice(0, 0), slice(0, 0), slice(0, 0))

FULL_RESOLUTION = Accuracy(steps=16, tolerance=5e-3)


def refined(
    scene: Scene, coarse: Float32, evidence: Evidence, array: NDArray[Any], settings: AdaptiveSettings, run: Run
) -> tuple[Float32, Cut]:
    """Return the probability (k, j, i) on the voxels around the structure, and where in the region they lie.

    Parameters
    ----------
    scene, coarse
        A scene and the answer on its blocks.
    evidence
        The prompts; strokes hold at full resolution too.
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
    beside_border = _beside_border(coarse > 0.5)
    run.check()
    depth = max(1, SLAB_VOXELS // (fine.shape[1] * fine.shape[2]))
    before = fine[:0]  # coarse answers of the slices below, which the slab's walker sees
    for first in range(0, len(fine), depth):
        run.step(first / len(fine), "Refining the border")
        last = min(first + depth, len(fine))
        low, high = first - len(before), min(last + SLAB_OVERLAP, len(fine))
        own = np.concatenate([before, fine[first:high]])
        cut = (slice(voxels[0].start + low, voxels[0].start + high), *voxels[1:])
        edges = _edges(image[low:high], scene, settings, run)
        run.check()
        unsure = region.repeated(beside_border, cut) & (own >= CERTAIN) & (own <= 1 - CERTAIN)
        run.check()
        slab = _walked(own, unsure, _strokes_in(cut, evidence, region), edges, settings, run)
        before = fine[max(first, last - SLAB_OVERLAP) : last].copy()
        fine[first:last] = slab[first - low : last - low]
    return fine, voxels


def _edges(image: NDArray[Any], scene: Scene, settings: AdaptiveSettings, run: Run) -> EdgeWeights:
    stretched = np.empty(image.shape, dtype=np.float32)
    for layer, of_layer in zip(image, stretched, strict=True):  # layer by layer: a cancel is seen soon
        run.check()
        of_layer[...] = scene.features.scale.stretched(layer)
    smooth = ndimage.gaussian_filter(stretched, 0.5)
    run.check()
    return EdgeWeights.of_image(smooth, scene.region.voxel_mm, settings.contrast, settings.weakest_edge)


def _walked(
    own: Float32,
    unsure: Mask,
    strokes: list[tuple[NDArray[np.int64], bool]],
    edges: EdgeWeights,
    settings: AdaptiveSettings,
    run: Run,
) -> Float32:
    """Return `own` with new values where it is open, and with the strokes' own values."""
    fixed, inside = ~unsure, own > 0.5
    for voxels, positive in strokes:
        k, j, i = voxels.T
        fixed[k, j, i], inside[k, j, i], unsure[k, j, i] = True, positive, True
    found = walk(own, own, TRUST_SHARE * settings.trust, edges, Seeds(fixed, inside), FULL_RESOLUTION, run)
    return np.where(unsure, found, own)


def _beside_border(inside: Mask) -> Mask:
    """Return the blocks that have a neighbour on the other side."""
    cube = np.ones((3, 3, 3), dtype=np.bool_)
    return np.asarray(ndimage.binary_dilation(inside, cube) & ~ndimage.binary_erosion(inside, cube, border_value=1))


def _strokes_in(cut: Cut, evidence: Evidence, region: WorkRegion) -> list[tuple[NDArray[np.int64], bool]]:
    """Return the voxels (n, 3) of each stroke that lie in a cut of the region's box, and whether they are inside."""
    low, high = np.array([side.start for side in cut]), np.array([side.stop for side in cut])
    strokes = []
    for stroke in evidence.strokes:
        voxels = np.floor(stroke.positions_mm / region.voxel_mm + 0.5 + 1e-6).astype(np.int64) - region.offset
        within = ((voxels >= low) & (voxels < high)).all(axis=1)
        strokes.append((voxels[within] - low, stroke.positive))
    return strokes
