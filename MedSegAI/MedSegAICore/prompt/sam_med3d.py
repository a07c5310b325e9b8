"""Segment volumes with SAM-Med3D (Wang et al., arXiv:2310.15161): points in three dimensions."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.run import Run
from ..errors import InvalidImage, UnsupportedPrompt
from ..models.catalogue import ModelSpec
from ..models.loading import load_network
from ..networks.sam_med3d.network import SamMed3d
from ..prompts import Prompt
from ..request import IntensityWindow
from ..volume import ImageVolume, VolumePatch
from .propagation import FAINT
from .sam_med3d_clicks import Clicks, clicks_of, joined
from .sam_med3d_lattice import Index, Lattice, normalised
from .sam_med3d_windows import Cube, Question, blended, follow
from .segmenter import Capabilities, Float32, SliceAnswer, SliceImage, SlicePrompts, VolumeAnswer

PREPROCESSING_VERSION = 1
"""Raised whenever the same volume would give another network input, so that old embeddings are not used."""


def build(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> SamMed3dSegmenter:
    """Return the segmenter of a catalogue entry, with its checkpoint on the planned device.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe, WeightsMismatch
        The checkpoint cannot be used.
    PackageMissing
        `segment_anything` is not installed.
    OutOfDeviceMemory
        The device has no room for the network.
    """
    network = SamMed3d()
    loaded = load_network(network, spec, weights, plan, cache)
    device = f"{plan.device}, float32"
    return SamMed3dSegmenter(spec.name, spec.capabilities, network, loaded.sha256, device, cache)


@dataclass(frozen=True, eq=False)
class SamMed3dSegmenter:
    """A promptable segmenter on volumes: it looks at a cube of 192 mm once and answers every click in it quickly.

    It reads the full range of intensities: the window of a request has no influence on it.

    Parameters
    ----------
    name, capabilities
        As in the catalogue.
    network
        With weights, on its device.
    weights_hash
        sha256 of the checkpoint.
    device
        Where it runs, in words.
    cache
        Keeps the embeddings of cubes, and the logits of answers for the next correction.
    """

    name: str
    capabilities: Capabilities
    network: SamMed3d
    weights_hash: str
    device: str
    cache: ByteBoundedCache

    def segment_slice(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        """Refuse a slice.

        Raises
        ------
        UnsupportedPrompt
            Always: the network sees volumes.
        """
        del image, prompts, run
        message = f"The model '{self.name}' works on whole volumes only."
        raise UnsupportedPrompt(message, "Choose the method 'volume', or another model.")

    @torch.inference_mode()
    def segment_volume(
        self, image: ImageVolume, prompts: tuple[Prompt, ...], window: IntensityWindow, run: Run
    ) -> VolumeAnswer:
        """Segment the structure in a canonical volume, in a cube around the first prompt and wherever it leads.

        Each prompt corrects the answer to those before it. A positive click outside of the cubes of those before it
        starts one of its own.

        Raises
        ------
        InvalidImage
            Around a prompt all intensities are 0 or below, or equal.
        Cancelled
            Within one block of the image encoder after the run was cancelled.
        """
        del window
        lattice = Lattice(image.geometry)
        steps, warnings = clicks_of(prompts, lattice)
        starts = cube_starts(steps, self.network.image_size)
        work = _Work(self, image, lattice)
        part = 0.5 / len(starts)
        seeds = [work.seed(start, steps, run.part(n * part, (n + 1) * part)) for n, start in enumerate(starts)]
        cubes, more = follow(seeds, joined(steps), lattice.shape, work.answer, run.part(0.5, 1.0))
        probability, start = blended(cubes, lattice.shape)
        return VolumeAnswer(_in_volume(probability, start, lattice), seeds[0].quality, (*warnings, *more))


def cube_starts(steps: Sequence[Clicks], side: int) -> list[Index]:
    """Return the first points of the cubes that hold the positive clicks.

    The first cube lies around those of the first prompt that has any, and each next one around a click that no
    cube holds yet. A single click lies at the point `side` / 2 of its cube, as in training.
    """
    starts: list[Index] = []
    for step in steps:
        positions = step.positions[step.positive]
        if len(positions) and not starts:
            starts.append((positions.min(axis=0) + positions.max(axis=0) + 1) // 2 - side // 2)
        for position in positions:
            if not any(((position >= start) & (position < start + side)).all() for start in starts):
                starts.append(position - side // 2)
    return starts


def _in_volume(probability: Float32, start: Index, lattice: Lattice) -> VolumePatch:
    """Return the voxels of what is not outside beyond doubt."""
    likely = np.argwhere(probability >= FAINT)
    if len(likely) == 0:
        return VolumePatch(np.zeros((0, 0, 0), np.float32), (0, 0, 0), lattice.geometry)
    low, high = likely.min(axis=0), likely.max(axis=0) + 1
    box = probability[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    return lattice.to_volume(np.where(box < FAINT, np.float32(0), box), start + low)


@dataclass(frozen=True, eq=False)
class _Work:
    """One run on one image."""

    model: SamMed3dSegmenter
    image: ImageVolume
    lattice: Lattice

    def seed(self, start: Index, steps: Sequence[Clicks], run: Run) -> Cube:
        """Return the answer to the clicks in a cube, each prompt a correction of the answer to those before it."""
        side = self.model.network.image_size
        embedding = self._embedding(start, run)
        if embedding is None:
            message = "Around a prompt, the image has no different intensities above 0, which this model looks at."
            raise InvalidImage(message, "Choose another model for this image.")
        cells = side // 4
        logits, quality = np.zeros((cells, cells, cells), np.float32), 0.0
        placed: list[Clicks] = []
        digest = hashlib.blake2b(repr(("logits", self._key(start))).encode(), digest_size=16)
        for step in steps:
            here = step.within(start, side)
            placed.append(here)
            clicks = joined(placed)
            if len(here.positions) == 0 or not clicks.positive.any():
                continue
            run.check()
            digest.update(clicks.positions.tobytes() + clicks.positive.tobytes() + b";")
            logits, quality = self._decoded_once(digest.hexdigest(), embedding, clicks, logits)
        return self._cube(start, logits, quality)

    def answer(self, question: Question, run: Run) -> Cube | None:
        """Return the answer to a question about a cube that was moved."""
        embedding = self._embedding(question.start, run)
        if embedding is None:
            return None
        run.check()
        return self._cube(question.start, *self._decoded(embedding, question.clicks, question.logits))

    def _decoded_once(self, key: str, embedding: Tensor, clicks: Clicks, logits: Float32) -> tuple[Float32, float]:
        known: tuple[Float32, float] | None = self.model.cache.get(key)
        if known is None:
            known = self._decoded(embedding, clicks, logits)
            self.model.cache.put(key, known, known[0].nbytes)
        return known

    def _decoded(self, embedding: Tensor, clicks: Clicks, logits: Float32) -> tuple[Float32, float]:
        """Return low-resolution logits and their predicted quality."""
        positions = self._tensor(clicks.positions.astype(np.float32))[None]
        labels = self._tensor(clicks.positive.astype(np.int64))[None]
        found, quality = self.model.network.decode(
            embedding.to(labels.device), (positions, labels), self._tensor(logits)[None, None], several=False
        )
        return found[0, 0].cpu().numpy(), float(quality[0, 0])

    def _cube(self, start: Index, logits: Float32, quality: float) -> Cube:
        full = self.model.network.to_volume(self._tensor(logits)[None, None])[0, 0]
        return Cube(start, logits, full.sigmoid().cpu().numpy(), float(np.clip(quality, 0, 1)))

    def _embedding(self, start: Index, run: Run) -> Tensor | None:
        """Return what the image encoder makes of a cube; None where the image is empty."""
        key = self._key(start)
        embedding: Tensor | None = self.model.cache.get(key)
        if embedding is None:
            words = "Looking at the volume"
            run.step(0.0, words)
            cube = self.lattice.cube(self.image.array, start, self.model.network.image_size, run.check)
            volume = normalised(cube)
            if volume is None:
                return None
            given = self._tensor(volume)[None, None]
            embedding = self.model.network.encode(given, lambda done: run.step(0.2 + 0.8 * done, words)).cpu()
            self.model.cache.put(key, embedding, embedding.numel() * embedding.element_size())
        return embedding

    def _key(self, start: Index) -> Hashable:
        model, place = self.model, (self.image.fingerprint, *start.tolist())
        return (*place, model.name, model.weights_hash, model.device, PREPROCESSING_VERSION)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(next(self.model.network.parameters()).device)
