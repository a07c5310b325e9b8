"""One click after the other: a new click changes what it touches, and elsewhere only what is certain.

Without this, one click at the top of an organ could undo a good border at its bottom.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...engine.run import Run
from .evidence import Evidence, Stroke
from .evolution import Scene, evolve
from .region import WorkRegion
from .settings import AdaptiveSettings

Float32 = NDArray[np.float32]

TOUCH_SHARE = 0.12
"""A change within this share of the extent of a click touches it."""


def answer_stroke_by_stroke(
    scene: Scene, evidence: Evidence, known: dict[int, Float32], settings: AdaptiveSettings, run: Run
) -> Float32:
    """Return the probability (k, j, i) on the blocks of a scene after all strokes.

    Parameters
    ----------
    scene, evidence, settings, run
        As for `evolve`.
    known
        Answers after so many strokes that were computed before, on the same scene; the new ones are added.
    """
    first, last = evidence.first_strokes, len(evidence.strokes)
    start = max((count for count in known if first <= count <= last), default=first - 1)
    for count in range(start + 1, last + 1):
        part = run.part((count - start - 1) / (last - start), (count - start) / (last - start))
        present = evidence.until(count)
        proposed = evolve(scene, present, settings, part)
        if count > first:
            stroke = present.strokes[-1]
            proposed = _merged(known[count - 1], proposed, stroke, present, scene.region, settings)
        known[count] = proposed
    return known[last]


def _merged(
    before: Float32,
    proposed: Float32,
    stroke: Stroke,
    evidence: Evidence,
    region: WorkRegion,
    settings: AdaptiveSettings,
) -> Float32:
    """Return `before` with those changes of `proposed` that touch the stroke or are certain."""
    changes, count = ndimage.label((before > 0.5) != (proposed > 0.5))
    if count == 0:
        return before
    reach = max(2 * float(region.block_mm.max()), TOUCH_SHARE * evidence.extent_mm(region.voxel_mm))
    near = region.distance_mm(stroke.positions_mm) <= reach
    certainty = ndimage.mean(np.abs(proposed - 0.5), changes, np.arange(count + 1))
    accepted = np.asarray(certainty) > settings.far_confidence
    accepted[np.unique(changes[near])] = True
    accepted[0] = False
    return np.where(accepted[changes], proposed, before)


def connected_to_prompts(mask: NDArray[np.bool_], evidence: Evidence, region: WorkRegion) -> NDArray[np.bool_]:
    """Return the islands of a mask (k, j, i) of the region's voxels that a prompt touches; all, if none does."""
    islands, count = ndimage.label(mask)
    if count < 2:
        return mask
    kept = np.zeros(count + 1, dtype=np.bool_)
    for positions in _anchors(evidence, region):
        voxels = np.round(positions / region.voxel_mm).astype(int) - region.offset
        inside = ((voxels >= 0) & (voxels < np.array(region.shape))).all(axis=1)
        kept[islands[tuple(voxels[inside].T)]] = True
    kept[0] = False
    return np.asarray(kept[islands]) if kept.any() else mask


def _anchors(evidence: Evidence, region: WorkRegion) -> list[NDArray[np.float64]]:
    """Return positions (n, 3) [mm] that must hold: positive strokes, what enclosures enclose, and the guess."""
    anchors = [stroke.positions_mm for stroke in evidence.positive_strokes()]
    if evidence.guess is not None:
        anchors.append((np.argwhere(evidence.guess.array >= 0.5) + evidence.guess.offset) * region.voxel_mm)
    for enclosure in evidence.enclosures:
        counts = np.maximum(2 * enclosure.half_mm / float(region.voxel_mm.min()), 0).astype(int) + 1
        steps = np.meshgrid(*[np.linspace(-half, half, n) for half, n in zip(enclosure.half_mm, counts, strict=True)])
        anchors.append(np.stack(steps, axis=-1).reshape(-1, 3) @ enclosure.axes.T + enclosure.centre_mm)
    return anchors
