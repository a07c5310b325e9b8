"""Label organs on slices of abdominal CT with SAMed (Zhang and Liu, arXiv:2304.13785), and give the one pointed at.

The network takes no prompts: it gives every pixel to one of eight organs or to the background. Prompts choose an organ.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, softmax

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.memory import with_one_retry
from ..engine.run import Run
from ..models.catalogue import ModelSpec, load_catalogue
from ..models.loading import load_network
from ..models.store.trust import trusted_weights
from ..networks.sam import ARCHITECTURES, Sam
from ..networks.samed import VIT_B, Samed, SamedAddition
from .segmenter import Capabilities, Float32, Mask, SliceAnswer, SliceImage, SlicePrompts

LOWEST_HU, HIGHEST_HU = -125.0, 275.0
"""Intensities [HU] that become 0 and 1."""

LEARNED_SIDE = 224
"""Side of the slices that were kept for training [pixels]; the authors shrink every slice to it, also for a test."""

BASE = ARCHITECTURES["vit_b"]

AS_STORED = DevicePlan(
    "cpu", "float32", "Two checkpoints are added where they lie, and their sum is sent to the device."
)

PREPROCESSING_VERSION = 1
"""Raised whenever the same slice would give another network input, so that old answers are not used."""

SMALL_BIAS_BYTES = 4 << 20
SMALLER = "Memory ran out, so the model worked in smaller steps, which is slower."


def build(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache, base: Path | None = None
) -> SamedSegmenter:
    """Return the segmenter of a catalogue entry: its small file added to that of SAM, on the planned device.

    Parameters
    ----------
    spec, weights, plan, cache
        As for every model; `weights` is the addition.
    base
        Checkpoint of SAM; None looks into the weights folders.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe, WeightsMismatch, WeightsAltered
        One of the two checkpoints cannot be used.
    PackageMissing
        `segment_anything` is not installed.
    OutOfDeviceMemory
        The device has no room for the network.
    """
    described = load_catalogue()[spec.base]
    addition, sam = SamedAddition(VIT_B), Sam(BASE)
    added = load_network(addition, spec, weights, AS_STORED, cache)
    known = load_network(sam, described, base or trusted_weights(described), AS_STORED, cache)
    network = addition.added_to(sam)
    network.to(plan.device)
    network.compute_in(getattr(torch, plan.dtype))
    hashes = f"{added.sha256} added to {known.sha256}"
    return SamedSegmenter(spec.name, spec.capabilities, network, hashes, plan, cache)


@dataclass(frozen=True, eq=False)
class SamedSegmenter:
    """A segmenter on slices that knows organs.

    It reads HU: the window of a request has no influence on it.

    Parameters
    ----------
    name, capabilities
        As in the catalogue.
    network
        With weights, on the planned device and in the planned type.
    weights_hash
        sha256 of both checkpoints.
    plan
        Where it runs.
    cache
        Keeps the labels of slices.
    """

    name: str
    capabilities: Capabilities
    network: Samed
    weights_hash: str
    plan: DevicePlan
    cache: ByteBoundedCache

    @property
    def device(self) -> str:
        """Where it runs, in words."""
        return f"{self.plan.device}, {self.plan.dtype}"

    def segment_slice(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        """Return the organ that the prompts point at on one slice: the likeliest of the eight there.

        `probability > 0.5` holds exactly where the network gives a pixel to this organ; it compares the organ with
        the likeliest of all other labels.

        Raises
        ------
        Cancelled
            Within one block of the image encoder after the run was cancelled.
        OutOfDeviceMemory
            Memory ran out, also in smaller steps.
        """

        def in_small_steps() -> Float32:
            self.network.limit_bias(SMALL_BIAS_BYTES)
            return self._logits(image, run)

        logits, warnings = with_one_retry(lambda: self._logits(image, run), in_small_steps, SMALLER)
        answer = organ_pointed_at(logits, prompts, self.capabilities.labels)
        return replace(answer, warnings=(*warnings, *answer.warnings))

    @torch.inference_mode()
    def _logits(self, image: SliceImage, run: Run) -> Float32:
        """Return the logits (1 + organs, rows, columns) of a slice."""
        key, side = self._key(image), self.network.image_size
        labels: torch.Tensor | None = self.cache.get(key)
        if labels is None:
            given = torch.from_numpy(network_input(image.pixels, side)).expand(1, 3, side, side)
            given = given.to(self.plan.device)
            embedding = self.network.encode(given, lambda done: run.step(done, "Looking at the slice"))
            labels = self.network.label(embedding)[0].cpu()
            self.cache.put(key, labels, labels.numel() * labels.element_size())
        full = self.network.to_picture(labels.float(), (side, side), (side, side))[0].numpy()
        rows, columns = (_nearest(side, length) for length in image.pixels.shape)
        return full[:, rows][:, :, columns]

    def _key(self, image: SliceImage) -> Hashable:
        return (image.key, self.name, self.weights_hash, self.device, PREPROCESSING_VERSION)


def network_input(pixels: Float32, side: int) -> Float32:
    """Return a slice [HU] (rows, columns) as (side, side) in about [0, 1], with cubic splines as the authors do."""
    shown = (np.clip(pixels, LOWEST_HU, HIGHEST_HU) - LOWEST_HU) / (HIGHEST_HU - LOWEST_HU)
    picture: Float32 = shown.astype(np.float32)
    for length in (LEARNED_SIDE, side):
        if picture.shape != (length, length):
            picture = ndimage.zoom(picture, (length / picture.shape[0], length / picture.shape[1]), order=3)
    return picture


def organ_pointed_at(logits: Float32, prompts: SlicePrompts, organs: Sequence[str]) -> SliceAnswer:
    """Return the organ that prompts point at.

    Parameters
    ----------
    logits
        (1 + organs, rows, columns), the background first.
    prompts
        What was drawn on the slice.
    organs
        Names of the organs.
    """
    shape = (logits.shape[1], logits.shape[2])
    inside, outside = _pointed_at(prompts, shape)
    likely = softmax(logits[:, inside | outside], axis=0)
    score = np.where(inside[inside | outside], likely, 0).sum(axis=1) / max(np.count_nonzero(inside), 1)
    score -= np.where(outside[inside | outside], likely, 0).sum(axis=1) / max(np.count_nonzero(outside), 1)
    label = 1 + int(np.argmax(score[1:]))
    margin = logits[label] - np.delete(logits, label, axis=0).max(axis=0)
    if not (margin[inside] > 0).any():
        nothing = f"The model sees none of its organs there. It knows: {', '.join(organs)}."
        return SliceAnswer(np.zeros(shape, np.float32), warnings=(nothing,))
    taken = (
        f"The model takes this for the {organs[label - 1]}. Prompts choose the organ, but do not change its outline."
    )
    return SliceAnswer(expit(margin), warnings=(taken,))


def _pointed_at(prompts: SlicePrompts, shape: tuple[int, int]) -> tuple[Mask, Mask]:
    """Return the pixels inside and outside: clicks and drawings or, without these, the first guess or else the box."""
    inside, outside = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    clicked = np.clip(np.rint(prompts.points_xy), 0, np.array(shape[::-1]) - 1).astype(np.int64)
    for picture, drawn, positive in ((inside, prompts.inside, True), (outside, prompts.outside, False)):
        columns, rows = clicked[prompts.points_positive == positive].T
        picture[rows, columns] = True
        if drawn is not None:
            picture |= drawn
    if not inside.any() and prompts.previous_mask is not None:
        inside = prompts.previous_mask >= 0.5
    if not inside.any() and prompts.box_xyxy is not None:
        left, top, right, bottom = np.rint(prompts.box_xyxy).astype(np.int64)
        inside[top : bottom + 1, left : right + 1] = True
    return inside, outside & ~inside


def _nearest(side: int, length: int) -> NDArray[np.int64]:
    """Return which of `side` pixels each of `length` pixels takes, as the authors enlarge and shrink their labels."""
    taken: NDArray[np.int64] = ndimage.zoom(np.arange(side), length / side, order=0)
    return taken
