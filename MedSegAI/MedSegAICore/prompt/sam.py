"""Segment slices with Segment Anything (Kirillov et al., ICCV 2023)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor
from torch.nn import functional

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.memory import is_out_of_memory, with_one_retry
from ..engine.run import Run
from ..errors import InvalidCatalogue, OutOfDeviceMemory, WeightsMissing
from ..models.catalogue import ModelSpec
from ..models.checkpoint import file_sha256, fit_checkpoint, read_checkpoint
from ..models.input_spec import InputSpec
from ..networks.sam import ARCHITECTURES, Sam
from .picture import Shape, grey_levels, network_input, resized_shape
from .sam_prompts import Float64, SamPrompts, sam_prompts
from .sam_refinement import refined
from .segmenter import Float32, SliceAnswer, SliceImage, SlicePrompts

Points = tuple[Tensor, Tensor]

PREPROCESSING_VERSION = 1
"""Raised whenever the same slice would give another network input, so that old embeddings are not used."""

SMALL_BIAS_BYTES = 4 << 20
SMALLER = "Memory ran out, so the model worked in smaller steps, which is slower."
_SUREST = 0.999  # probability of a first guess at most: an endless logit would shut out every correction


def build(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> SamSegmenter:
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
    if spec.input is None or spec.architecture not in ARCHITECTURES:
        message = f"The model '{spec.name}' has no input or an architecture that SAM does not know."
        raise InvalidCatalogue(message)
    if weights is None:
        message = f"The model '{spec.name}' needs a checkpoint."
        raise WeightsMissing(message)
    network = Sam(replace(ARCHITECTURES[spec.architecture], image_size=spec.input.size))
    try:
        fit_checkpoint(network, read_checkpoint(weights), spec.name)
        network.to(plan.device)
        network.compute_in(getattr(torch, plan.dtype))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        message = f"The device has too little memory for the model '{spec.name}'."
        raise OutOfDeviceMemory(message) from error
    return SamSegmenter(spec, spec.input, network, file_sha256(weights, cache), plan, cache)


class SamSegmenter:
    """A promptable segmenter on slices: it looks at a slice once and answers every prompt on it quickly.

    Parameters
    ----------
    spec, input_spec
        The catalogue entry and its input.
    network
        With weights, on the planned device and in the planned type.
    weights_hash
        sha256 of the checkpoint.
    plan
        Where it runs.
    cache
        Keeps the embeddings of slices.
    """

    def __init__(
        self,
        spec: ModelSpec,
        input_spec: InputSpec,
        network: Sam,
        weights_hash: str,
        plan: DevicePlan,
        cache: ByteBoundedCache,
    ) -> None:
        self.name = spec.name
        self.capabilities = spec.capabilities
        self.weights_hash = weights_hash
        self.device = f"{plan.device}, {plan.dtype}"
        self._needs_box = spec.needs_box
        self._input_spec = input_spec
        self._network = network
        self._plan = plan
        self._cache = cache

    def segment_slice(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        """Return what the prompts point at on one slice.

        One click alone gives three candidates, best predicted quality first; more prompts give one answer.
        A network that takes masks refines: it is given the logits of its answer to the earlier prompts.
        `probability > 0.5` holds exactly where the network's logits at the slice's size are above 0.

        Raises
        ------
        Cancelled
            Within one block of the image encoder after the run was cancelled.
        OutOfDeviceMemory
            Memory ran out, also in smaller steps.
        """
        if sam_prompts(image, prompts, self._needs_box).is_empty:
            return SliceAnswer(np.zeros(image.pixels.shape, np.float32), quality=0.0)

        def in_small_steps() -> SliceAnswer:
            self._network.limit_bias(SMALL_BIAS_BYTES)
            return self._answer(image, prompts, run)

        answer, warnings = with_one_retry(lambda: self._answer(image, prompts, run), in_small_steps, SMALLER)
        return replace(answer, warnings=warnings)

    def slice_features(self, image: SliceImage, run: Run) -> Tensor:
        """Return what the image encoder makes of one slice, without prompts: float32 (256, h, w) over all of it.

        Prompts on the slice, and the same call again, take no second look.

        Raises
        ------
        Cancelled
            Within one block of the image encoder after the run was cancelled.
        OutOfDeviceMemory
            Memory ran out, also in smaller steps.
        """

        def in_small_steps() -> Tensor:
            self._network.limit_bias(SMALL_BIAS_BYTES)
            return self._embedding(image, run)

        embedding, _ = with_one_retry(lambda: self._embedding(image, run), in_small_steps, SMALLER)
        resized = resized_shape(image.pixels.shape, self._input_spec.size)
        return self._network.within_picture(embedding.float(), resized)[0]

    @torch.inference_mode()
    def _answer(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        shape = image.pixels.shape
        resized = resized_shape(shape, self._input_spec.size)
        slice_key = self._key(image)
        embedding = self._embedding(image, run).to(self._plan.device)

        def decode(step: SlicePrompts, logits: Float32 | None) -> _Decoded:
            run.check()
            asked = replace(sam_prompts(image, step, self._needs_box), logits=logits)
            points, box = self._points(asked, shape, resized), self._box(asked, shape, resized)
            mask = self._mask_logits(asked, resized)
            return _Decoded(*self._network.decode(embedding, points, box, mask, several=asked.is_ambiguous))

        refines = "mask" in self.capabilities.prompts
        answer = refined(prompts if refines else replace(prompts, earlier=None), slice_key, decode, self._cache)
        full = self._network.to_picture(answer.masks, resized, shape)[0].cpu().numpy()
        best, *others = answer.order
        return SliceAnswer(
            probability=_probability(full[best]),
            quality=float(np.clip(answer.qualities[best], 0, 1)),
            candidates=tuple(_probability(full[other]) for other in others),
        )

    def _key(self, image: SliceImage) -> Hashable:
        return (image.key, image.window, self.name, self.weights_hash, self.device, PREPROCESSING_VERSION)

    @torch.inference_mode()
    def _embedding(self, image: SliceImage, run: Run) -> Tensor:
        slice_key = self._key(image)
        embedding: Tensor | None = self._cache.get(slice_key)
        if embedding is None:
            levels = grey_levels(image.pixels, image.window)[:, :, None]
            picture = torch.from_numpy(network_input(levels, self._input_spec))[None]
            picture = picture.to(self._plan.device)
            embedding = self._network.encode(picture, lambda done: run.step(done, "Looking at the slice")).cpu()
            self._cache.put(slice_key, embedding, embedding.numel() * embedding.element_size())
        return embedding

    def _points(self, asked: SamPrompts, original: Shape, resized: Shape) -> Points | None:
        if len(asked.points_xy) == 0:
            return None
        positions = self._tensor(_rescaled(asked.points_xy, original, resized))
        return positions[None], self._tensor(asked.points_positive)[None]

    def _box(self, asked: SamPrompts, original: Shape, resized: Shape) -> Tensor | None:
        if asked.box_xyxy is None:
            return None
        return self._tensor(_rescaled(asked.box_xyxy.reshape(2, 2), original, resized)).reshape(1, 4)

    def _mask_logits(self, asked: SamPrompts, resized: Shape) -> Tensor | None:
        if asked.logits is not None:
            return self._tensor(asked.logits)[None, None]
        if asked.guess is None:
            return None
        # as the answer is enlarged: the picture fills the top left of the input, and nothing lies beyond it
        size = self._input_spec.size
        guess = torch.as_tensor(asked.guess)[None, None]
        guess = functional.interpolate(guess, resized, mode="bilinear", align_corners=False, antialias=True)
        guess = functional.pad(guess, (0, size - resized[1], 0, size - resized[0]))
        guess = functional.avg_pool2d(guess, 4)
        return torch.logit(guess.clamp(1 - _SUREST, _SUREST)).to(self._plan.device)

    def _tensor(self, values: NDArray[np.generic]) -> Tensor:
        return torch.as_tensor(values.astype(np.float32), device=self._plan.device)


@dataclass(frozen=True, eq=False)
class _Decoded:
    """What the mask decoder gave: logits (1, masks, rows, columns) and their predicted qualities (1, masks)."""

    masks: Tensor
    quality: Tensor

    @property
    def qualities(self) -> Float32:
        """Predicted quality of each mask (masks,)."""
        return self.quality[0].cpu().numpy()

    @property
    def order(self) -> list[int]:
        """The masks, best predicted quality first."""
        return [int(index) for index in np.argsort(-self.qualities, kind="stable")]

    @property
    def logits(self) -> Float32:
        """Logits of the best mask (rows, columns)."""
        return self.masks[0, self.order[0]].cpu().numpy().copy()  # not a view, which would keep the other masks


def _rescaled(points_xy: Float64, original: Shape, resized: Shape) -> Float64:
    """Return positions (n, 2) as (column, row) in pixels of the input."""
    scale: Float64 = np.array(resized[::-1]) / np.array(original[::-1])
    return points_xy * scale


def _probability(logits: Float32) -> Float32:
    """Return probabilities that lie above 0.5 exactly where the logits lie above 0, rounding or not."""
    above = np.nextafter(np.float32(0.5), np.float32(1))
    below = np.nextafter(np.float32(0.5), np.float32(0))
    probability = expit(logits)
    limited: Float32 = np.where(logits > 0, np.maximum(probability, above), np.minimum(probability, below))
    return limited
