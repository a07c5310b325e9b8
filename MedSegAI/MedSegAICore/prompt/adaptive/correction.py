"""One click after the other: a click inside adds, a click outside takes away.

A new click changes what it touches, and elsewhere only what is certain; and its word reaches about as far as the
error that it lies in is deep. Without this, one click at the top of an organ could undo a good border at its
bottom.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...engine.run import Run
from .arrays import Float32, Float64, Mask
from .evidence import Evidence, Stroke
from .evolution import Scene, evolve
from .region import WorkRegion
from .settings import AdaptiveSettings

TOUCH_SHARE = 0.12
"""A change within this share of the extent of a click touches it."""

FAR_DEPTH_BLOCKS = 2.0
"""A click in an error less deep moves a border and says nothing about what is far away [blocks]."""


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer after some strokes.

    Parameters
    ----------
    probability
        Probability (k, j, i) on the blocks of a scene.
    strokes
        The strokes so far, with their depth in the answers before them.
    """

    probability: Float32
    strokes: tuple[Stroke, ...]


def answer_stroke_by_stroke(
    scene: Scene, evidence: Evidence, known: dict[int, Answer], settings: AdaptiveSettings, run: Run
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
        if count == first:
            strokes = evidence.strokes[:first]
            known[count] = Answer(evolve(scene, evidence.until(first), settings, part), strokes)
        else:
            known[count] = _corrected(known[count - 1], evidence.strokes[count - 1], scene, evidence, settings, part)
    return known[last].probability


def _corrected(
    before: Answer, stroke: Stroke, scene: Scene, evidence: Evidence, settings: AdaptiveSettings, run: Run
) -> Answer:
    """Return the answer after one more stroke."""
    depth = _depth_mm(before.probability > 0.5, stroke, scene.region)
    run.check()
    strokes = (*before.strokes, replace(stroke, depth_mm=depth))
    present = replace(evidence, strokes=strokes)
    proposed = evolve(scene, present, settings, run)
    return Answer(_merged(before.probability, proposed, stroke, depth, present, scene.region, settings), strokes)


def _depth_mm(inside: Mask, stroke: Stroke, region: WorkRegion) -> float:
    """Return how far the deepest part of a stroke lies from what it agrees with [mm]; 0 if it corrects nothing."""
    wrong = ~inside if stroke.positive else inside
    blocks = tuple(region.blocks_at(stroke.positions_mm).T)
    if wrong.all():
        return float("inf")
    return float(ndimage.distance_transform_edt(wrong, sampling=region.block_mm)[blocks].max())


def _merged(
    before: Float32,
    proposed: Float32,
    stroke: Stroke,
    depth_mm: float,
    evidence: Evidence,
    region: WorkRegion,
    settings: AdaptiveSettings,
) -> Float32:
    """Return `before` with what `proposed` adds (takes away) where it touches the stroke or is certain."""
    was, now = before > 0.5, proposed > 0.5
    changes, count = ndimage.label(now & ~was if stroke.positive else was & ~now)
    if count == 0:
        return before
    reach = max(2 * float(region.block_mm.max()), TOUCH_SHARE * evidence.extent_mm(region.voxel_mm))
    distance = region.distance_mm(stroke.positions_mm)
    certainty = np.abs(proposed - 0.5)
    sure = np.asarray(ndimage.mean(certainty, changes, np.arange(count + 1))) > settings.far_confidence
    touched = np.zeros(count + 1, dtype=np.bool_)
    touched[np.unique(changes[distance <= reach])] = True
    sure[0] = touched[0] = False
    local_mm = max(reach, settings.touched_depths * depth_mm)
    accepted = touched[changes] & (distance <= local_mm)
    if depth_mm > FAR_DEPTH_BLOCKS * region.finest_mm:
        certain = certainty > settings.far_confidence
        accepted |= touched[changes] & certain & ((distance <= 2 * local_mm) | (not stroke.positive))
        accepted |= sure[changes] & (not stroke.positive)
    return np.where(accepted, proposed, before)


def without_loose_islands(probability: Float32, evidence: Evidence, region: WorkRegion) -> Float32:
    """Return the probability (k, j, i) with 0 in islands that no prompt touches; as it is, if none is touched.

    Their surroundings become 0 too, so that a lower threshold does not bring them back.
    """
    islands, count = ndimage.label(probability >= 0.5)
    if count < 2:
        return probability
    touched = np.zeros(count + 1, dtype=np.bool_)
    for positions in _anchors(evidence, region.voxel_mm):
        touched[islands[tuple(region.blocks_at(positions).T)]] = True
    touched[0] = False
    if not touched.any() or touched[1:].all():
        return probability
    kept = touched[islands]
    around = ndimage.binary_dilation((islands > 0) & ~kept) & ~ndimage.binary_dilation(kept)
    return np.where(around, np.float32(0), probability)


def _anchors(evidence: Evidence, voxel_mm: Float64) -> list[NDArray[np.float64]]:
    """Return positions (n, 3) [mm] that must hold: positive strokes, what enclosures enclose, and the guess."""
    anchors = [stroke.positions_mm for stroke in evidence.positive_strokes()]
    if evidence.guess is not None:
        anchors.append((np.argwhere(evidence.guess.array >= 0.5) + evidence.guess.offset) * voxel_mm)
    for enclosure in evidence.enclosures:
        counts = np.maximum(2 * enclosure.half_mm / float(voxel_mm.min()), 0).astype(int) + 1
        steps = np.meshgrid(*[np.linspace(-half, half, n) for half, n in zip(enclosure.half_mm, counts, strict=True)])
        anchors.append(np.stack(steps, axis=-1).reshape(-1, 3) @ enclosure.axes.T + enclosure.centre_mm)
    return anchors
