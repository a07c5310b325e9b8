"""Segment slices with Segment Anything (Kirillov et al., ICCV 2023) and the networks that follow it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.memory import with_one_retry
from ..engine.run import Run
from ..errors import InvalidCatalogue
from ..models.catalogue import ModelSpec
from ..models.input_spec import InputSpec
from ..models.loading import load_network
from ..networks.sam import EMBEDDING_CHANNELS
from .click_box import box_of_prompts
from .picture import grey_levels, network_input, shape_in_input
from .sam_decoding import Decoded, SliceDecoder
from .sam_networks import VARIANTS, Network
from .sam_prompts import SamPrompts, sam_prompts
from .sam_refinement import refined
from .segmenter import Float32, SliceAnswer, SliceImage, SlicePrompts

PREPROCESSING_VERSION = 1
"""Raised whenever the same slice would give another network input, so that old embeddings are not used."""

SMALL_BIAS_BYTES = 4 << 20
SMALLER = "Memory ran out, so the model worked in smaller steps, which is slower."


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
    if spec.input is None or spec.architecture not in VARIANTS:
        message = f"The model '{spec.name}' has no input or an architecture that SAM does not know."
        raise InvalidCatalogue(message)
    variant = VARIANTS[spec.architecture].sized(spec.input.size)
    network = variant.build()
    loaded = load_network(network, spec, weights, plan, cache, variant.adapt)
    return SamSegmenter(spec, spec.input, network, loaded.sha256, plan, cache, loaded.warnings)


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
    warnings
        What the user should know of how the network was loaded.
    """

    def __init__(
        self,
        spec: ModelSpec,
        input_spec: InputSpec,
        network: Network,
        weights_hash: str,
        plan: DevicePlan,
        cache: ByteBoundedCache,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.name = spec.name
        self.warnings = warnings
        self.capabilities = spec.capabilities
        self.weights_hash = weights_hash
        self.device = f"{plan.device}, {plan.dtype}"
        self._spec = spec
        self._input_spec = input_spec
        self._network = network
        self._plan = plan
        self._cache = cache

    def segment_slice(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        """Return what the prompts point at on one slice.

        One click alone may give three candidates, best predicted quality first; more prompts give one answer.
        A network that takes masks refines: it is given its answer to the earlier prompts. One that only takes
        boxes is given a box around what the prompts point at, and the answer says so.
        `probability > 0.5` holds exactly where the network's logits at the slice's size are above 0; some
        networks have probabilities enlarged instead (`DecodingSpec`).

        Raises
        ------
        Cancelled
            Within one block of the image encoder after the run was cancelled.
        OutOfDeviceMemory
            Memory ran out, also in smaller steps.
        """
        asked, notes = self._asked(image, prompts, run)
        if asked.is_empty:
            return SliceAnswer(np.zeros(image.pixels.shape, np.float32), quality=0.0)

        def answered() -> SliceAnswer:
            return self._answer(image, prompts, asked, run)

        def in_small_steps() -> SliceAnswer:
            self._network.limit_bias(SMALL_BIAS_BYTES)
            return answered()

        answer, warnings = with_one_retry(answered, in_small_steps, SMALLER)
        return replace(answer, warnings=(*notes, *warnings))

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
        resized = shape_in_input(image.pixels.shape, self._input_spec)
        # behind its channels, some networks keep what only their mask decoder needs
        return self._network.within_picture(embedding[:, :EMBEDDING_CHANNELS].float(), resized)[0]

    def _asked(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> tuple[SamPrompts, tuple[str, ...]]:
        """Return the prompts as the network takes them, and what the user should know of that."""
        if not self._spec.needs_box:
            return sam_prompts(prompts, self._spec.decoding.strokes), ()
        box, how = box_of_prompts(image, prompts, run)
        return SamPrompts.of_box(box), (f"{self._spec.title} understands boxes only: {how}",) if how else ()

    @torch.inference_mode()
    def _answer(self, image: SliceImage, prompts: SlicePrompts, asked: SamPrompts, run: Run) -> SliceAnswer:
        last = prompts if self._refines else replace(prompts, earlier=None)
        embedding = self._embedding(image, run).to(self._plan.device)
        decoder = SliceDecoder(self._network, self._input_spec, self._spec.decoding, image.pixels.shape, embedding)

        def decode(step: SlicePrompts, logits: Float32 | None) -> Decoded:
            run.check()
            step_asked = asked if step is last else sam_prompts(step, self._spec.decoding.strokes)
            return decoder.ask(replace(step_asked, logits=logits))

        answer = refined(last, self._key(image), decode, self._cache)
        best, *others = decoder.probabilities(answer)
        quality = float(np.clip(answer.qualities.max(), 0, 1))
        return SliceAnswer(probability=best, quality=quality, candidates=tuple(others))

    @property
    def _refines(self) -> bool:
        """Whether the network corrects its answer to the prompts before the last."""
        return "mask" in self.capabilities.prompts and not self._spec.needs_box

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
