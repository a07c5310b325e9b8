"""The adaptive model behind the promptable protocol: slices and volumes, no weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...engine.cache import ByteBoundedCache
from ...engine.run import Run
from ...geometry import VolumeGeometry
from ...prompts import Prompt
from ...request import IntensityWindow
from ...volume import ImageVolume, VolumePatch
from ..segmenter import Capabilities, SliceAnswer, SliceImage, SlicePrompts, VolumeAnswer
from .arrays import Float32, Float64
from .correction import Answer, answer_stroke_by_stroke, without_loose_islands
from .evidence import Evidence, evidence_in_volume, evidence_on_slice
from .evolution import Scene
from .features import IntensityScale, compute_features
from .first_guess import with_first_guess
from .quality import answer_quality
from .random_walker import EdgeWeights
from .refinement import refined
from .region import WorkRegion
from .settings import AdaptiveSettings

if TYPE_CHECKING:
    from ...engine.device import DevicePlan
    from ...models.catalogue import ModelSpec


BLOCK_LIMIT = 1_500_000
"""Blocks of a region, about; larger regions take larger blocks, for their memory and time."""

SAMPLE_LIMIT = 200_000
"""Voxels that the intensity scale is learned from."""


ROOM_MM = 10.0
"""A click needs at least this much of the region around it [mm]."""


def build(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> AdaptiveSegmenter:
    """Return the adaptive model; it has no weights and runs on the processor."""
    del weights, plan
    return AdaptiveSegmenter(spec.name, spec.capabilities, cache)


@dataclass(frozen=True, eq=False)
class AdaptiveSegmenter:
    """Learns the structure's look from the prompts, and its place from prompts, edges and growth.

    It reads the full range of intensities: the window of a request has no influence on it.

    Parameters
    ----------
    name
        Name in the catalogue.
    capabilities
        All prompts, slices and volumes.
    cache
        Keeps features, and the answers to the prompts so far, for the next click.
    settings
        How it works.
    """

    name: str
    capabilities: Capabilities
    cache: ByteBoundedCache
    settings: AdaptiveSettings = field(default_factory=AdaptiveSettings)
    weights_hash: str = ""
    device: str = "cpu"

    def segment_slice(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        """Segment one slice, as a volume of one layer."""
        layer = image.pixels[None]
        spacing_ijk = (*image.spacing_mm[::-1], min(image.spacing_mm))
        geometry = VolumeGeometry.from_components((1, *image.pixels.shape), spacing_ijk)
        evidence = evidence_on_slice(prompts, image.pixels.shape, geometry)
        answer = self._segment(layer, image.key, geometry, evidence, self.settings.blocks_across_slice, run)
        return SliceAnswer(answer.probability.full()[0], answer.quality)

    def segment_volume(
        self, image: ImageVolume, prompts: tuple[Prompt, ...], window: IntensityWindow, run: Run
    ) -> VolumeAnswer:
        """Segment the structure in a canonical volume."""
        del window
        evidence = evidence_in_volume(prompts, image.geometry)
        across = self.settings.blocks_across_volume
        return self._segment(image.array, image.fingerprint, image.geometry, evidence, across, run)

    def _segment(
        self,
        array: NDArray[Any],
        key: str,
        geometry: VolumeGeometry,
        evidence: Evidence,
        blocks_across: float,
        run: Run,
    ) -> VolumeAnswer:
        evidence = self._placed(evidence, array, key, geometry, run)
        voxel_mm = geometry.spacing_kji
        block = self._block_mm(evidence.extent_mm(voxel_mm), voxel_mm, blocks_across)
        low, high = region_of_interest(evidence, voxel_mm)
        size_mm = np.minimum(high, np.array(array.shape) * voxel_mm) - np.maximum(low, 0)
        block = max(block, float(np.prod(np.maximum(size_mm, voxel_mm)) / BLOCK_LIMIT) ** (1 / 3))
        first = evidence.until(evidence.first_strokes)  # the intensity scale is learned around them
        scene_key = f"adaptive {key} {_digest(first, (low.tolist(), high.tolist(), block))}"
        scene = self._scene(scene_key, array, evidence, (low, high), block, voxel_mm, run.part(0.0, 0.1))
        coarse = self._answer(scene_key, scene, evidence, run.part(0.1, 0.8))
        coarse = without_loose_islands(coarse, evidence, scene.region)
        run.check()
        quality = answer_quality(scene, coarse)
        fine, voxels = refined(scene, coarse, evidence, array, self.settings, run.part(0.8, 1.0))
        k, j, i = (start + cut.start for start, cut in zip(scene.region.offset, voxels, strict=True))
        return VolumeAnswer(VolumePatch(fine, (k, j, i), geometry), quality)

    def _placed(
        self, evidence: Evidence, array: NDArray[Any], key: str, geometry: VolumeGeometry, run: Run
    ) -> Evidence:
        """Return the evidence with a guess of where the structure is, if no prompt says more than a stroke."""
        guess_key = f"adaptive guess {key} {_digest(evidence.until(evidence.first_strokes))}"
        placed = self.cache.get(guess_key)
        if not isinstance(placed, Evidence):
            placed = with_first_guess(evidence, array, geometry, run)
            self.cache.put(guess_key, placed, 0 if placed.guess is None else placed.guess.array.nbytes)
        return replace(evidence, guess=placed.guess, guess_strokes=placed.guess_strokes)

    def _block_mm(self, extent_mm: float, voxel_mm: Float64, blocks_across: float) -> float:
        return max(float(voxel_mm.min()), min(self.settings.block_mm, extent_mm / blocks_across))

    def _scene(
        self,
        key: str,
        array: NDArray[Any],
        evidence: Evidence,
        corners: tuple[Float64, Float64],
        block_mm: float,
        voxel_mm: Float64,
        run: Run,
    ) -> Scene:
        known = self.cache.get(key)
        if isinstance(known, Scene):
            return known
        run.step(0.0, "Looking at the image")
        region = WorkRegion.of_volume(array, voxel_mm, *corners, block_mm, run)
        run.check()
        scale = IntensityScale.of_sample(reference_sample(array, evidence, voxel_mm))
        features = compute_features(region, scale, self.settings.edge_price, run)
        edges = EdgeWeights.of_image(
            features.edge_image, region.block_mm, self.settings.contrast, self.settings.weakest_edge
        )
        scene = Scene(region, features, edges)
        self.cache.put(key, scene, scene.size_bytes)
        return scene

    def _answer(self, scene_key: str, scene: Scene, evidence: Evidence, run: Run) -> Float32:
        """Return the answer on the blocks of a scene, going on from the longest prefix of strokes that is known."""
        known: dict[int, Answer] = {}
        keys = {n: f"{scene_key} {_digest(evidence.until(n))}" for n in range(len(evidence.strokes) + 1)}
        for count, key in keys.items():
            answer = self.cache.get(key)
            if answer is not None:
                known[count] = answer
        result = answer_stroke_by_stroke(scene, evidence, known, self.settings, run)
        for count, answer in known.items():
            self.cache.put(keys[count], answer, answer.probability.nbytes)
        return result


def _digest(evidence: Evidence, more: object = ()) -> str:
    """Return a hash of prompts; equal prompts have equal hashes."""
    digest = hashlib.blake2b(digest_size=16)
    for enclosure in evidence.enclosures:
        drawn = b"" if enclosure.drawn_mm is None else enclosure.drawn_mm.tobytes()
        digest.update(enclosure.centre_mm.tobytes() + enclosure.axes.tobytes() + enclosure.half_mm.tobytes() + drawn)
    for stroke in evidence.strokes:
        digest.update(b"+" if stroke.positive else b"-")
        digest.update(stroke.positions_mm.tobytes())
    for patch in (evidence.guess, evidence.forbidden):
        digest.update(b"none" if patch is None else patch.array.tobytes() + repr(patch.bounds).encode())
    digest.update(repr(more).encode())
    return digest.hexdigest()


def region_of_interest(evidence: Evidence, voxel_mm: Float64) -> tuple[Float64, Float64]:
    """Return two corners (3,) [mm] around where the structure can be."""
    extent = evidence.extent_mm(voxel_mm)
    corners = []
    for enclosure in evidence.enclosures:
        margin = np.array([0.6 * extent + 20, 0.6 * extent + 20, 1.2 * extent + 60])
        reach = np.abs(enclosure.axes) @ (enclosure.half_mm + margin)
        corners += [enclosure.centre_mm - reach, enclosure.centre_mm + reach]
    if evidence.guess is not None:
        first = np.array(evidence.guess.offset) * voxel_mm
        last = first + np.array(evidence.guess.array.shape) * voxel_mm
        corners += [first - (0.6 * extent + 20), last + (0.6 * extent + 20)]
    for index, stroke in enumerate(evidence.strokes):
        first, last = stroke.positions_mm.min(axis=0), stroke.positions_mm.max(axis=0)
        if index >= evidence.first_strokes:
            low, high = np.min(corners, axis=0), np.max(corners, axis=0)
            # a later click seldom moves the region, so that features and answers can be used again
            if (first - ROOM_MM >= low).all() and (last + ROOM_MM <= high).all():
                continue
        margin_mm = 0.6 * extent + 25
        corners += [first - margin_mm, last + margin_mm]
    return np.min(corners, axis=0), np.max(corners, axis=0)


def reference_sample(array: NDArray[Any], evidence: Evidence, voxel_mm: Float64) -> Float64:
    """Return intensities (n,) around the prompts: the enclosures' slices, or the surroundings of guess and clicks."""
    extent = evidence.extent_mm(voxel_mm)
    corners = []
    for enclosure in evidence.enclosures:
        reach = np.abs(enclosure.axes) @ (enclosure.half_mm * np.array([1.7, 1.7, 1.0]))
        corners += [enclosure.centre_mm - reach, enclosure.centre_mm + reach]
    if not corners:
        low, high = region_of_interest(replace(evidence, strokes=evidence.strokes[: evidence.first_strokes]), voxel_mm)
        shrink = np.minimum(0.3 * extent, (high - low) / 4)
        corners = [low + shrink, high - shrink]
    low = np.clip(np.floor(np.min(corners, axis=0) / voxel_mm + 0.5), 0, np.array(array.shape) - 1).astype(int)
    high = np.clip(np.floor(np.max(corners, axis=0) / voxel_mm + 0.5) + 1, low + 1, array.shape).astype(int)
    box = array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    return np.asarray(box.ravel()[:: max(1, box.size // SAMPLE_LIMIT)], dtype=np.float64)
