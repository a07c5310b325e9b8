"""Segment slices with ScribblePrompt-UNet (Wong et al., ECCV 2024): what is drawn is part of its input."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.run import Run
from ..errors import InvalidCatalogue
from ..models.catalogue import ModelSpec
from ..models.input_spec import InputSpec
from ..models.loading import load_network
from ..networks.scribbleprompt_unet import ScribblePromptUNet
from .click_box import bounding_box
from .picture import grey_levels, network_input
from .sam_refinement import refined
from .scribble_channels import scribble_channels
from .segmenter import Capabilities, Float32, SliceAnswer, SliceImage, SlicePrompts
from .stroke_points import stroke_points

PREPROCESSING_VERSION = 1
"""Raised whenever the same slice would give another network input, so that old answers are not used."""

_SUREST = 0.999  # probability of a first guess at most: an endless logit would shut out every correction


def build(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> ScribblePromptSegmenter:
    """Return the segmenter of a catalogue entry, with its checkpoint on the planned device.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe, WeightsMismatch
        The checkpoint cannot be used.
    OutOfDeviceMemory
        The device has no room for the network.
    """
    if spec.input is None:
        message = f"The model '{spec.name}' has no input."
        raise InvalidCatalogue(message)
    network = ScribblePromptUNet()
    loaded = load_network(network, spec, weights, plan, cache)
    device = f"{plan.device}, float32"  # it is small, and half precision would cost more than it saves
    return ScribblePromptSegmenter(spec.name, spec.capabilities, spec.input, network, loaded.sha256, device, cache)


@dataclass(frozen=True, eq=False)
class ScribblePromptSegmenter:
    """A promptable segmenter on slices that looks at slice, prompts and its answer before in one pass.

    Parameters
    ----------
    name, capabilities, input_spec
        As in the catalogue.
    network
        With weights, on its device.
    weights_hash
        sha256 of the checkpoint.
    device
        Where it runs, in words.
    cache
        Keeps the logits of answers, for the next correction.
    """

    name: str
    capabilities: Capabilities
    input_spec: InputSpec
    network: ScribblePromptUNet
    weights_hash: str
    device: str
    cache: ByteBoundedCache

    @torch.inference_mode()
    def segment_slice(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        """Return what the prompts point at on one slice.

        The last prompt corrects the answer to those before it, whose logits the network sees beside all prompts. A
        first guess takes the place of these logits for the first answer. A lasso, which often reaches beyond the
        structure, becomes its box and points deep inside.

        Raises
        ------
        Cancelled
            Within one layer of the network after the run was cancelled.
        """
        shape = image.pixels.shape
        # three equal channels, of which the network sees one
        picture = network_input(grey_levels(image.pixels, image.window)[:, :, None], self.input_spec)[0]

        def decode(step: SlicePrompts, logits: Float32 | None) -> _Decoded:
            drawn = as_drawn(step)
            if logits is None and step.previous_mask is not None:
                logits = self._guessed(step.previous_mask)
            channels = scribble_channels(picture, shape, drawn, logits)
            return _Decoded(self.network(channels.to(self._parameter), run.check))

        answer = refined(prompts, self._key(image), decode, self.cache)
        # as the authors' demonstration enlarges it: the probability, not the logits
        full = functional.interpolate(answer.raw.sigmoid(), shape, mode="bilinear", align_corners=False)
        return SliceAnswer(full[0, 0].cpu().numpy())

    @property
    def _parameter(self) -> Tensor:
        return next(self.network.parameters())

    def _key(self, image: SliceImage) -> Hashable:
        return (image.key, image.window, self.name, self.weights_hash, self.device, PREPROCESSING_VERSION)

    def _guessed(self, guess: Float32) -> Float32:
        """Return logits (size, size) that say what a first guess (rows, columns) does."""
        picture, size = torch.as_tensor(guess, dtype=torch.float32)[None, None], self.input_spec.size
        small = functional.interpolate(picture, (size, size), mode="bilinear", antialias=True)
        logits: Float32 = torch.logit(small.clamp(1 - _SUREST, _SUREST))[0, 0].numpy()
        return logits


@dataclass(frozen=True, eq=False)
class _Decoded:
    """What the network gave: logits (1, 1, size, size)."""

    raw: Tensor

    @property
    def logits(self) -> Float32:
        """The same as an array (size, size)."""
        return self.raw[0, 0].cpu().numpy()


def as_drawn(prompts: SlicePrompts) -> SlicePrompts:
    """Return prompts that the network was trained with: clicks, one box, scribbles.

    What lassos enclose becomes its box, if none was drawn, and points deep inside. Without anything else that
    says what is inside, a first guess becomes its box.
    """
    enclosed, guess = prompts.enclosed, prompts.previous_mask
    if enclosed is not None and enclosed.any():
        deep = stroke_points(enclosed)
        box = bounding_box(enclosed) if prompts.box_xyxy is None else prompts.box_xyxy
        inside = None if prompts.inside is None else prompts.inside & ~enclosed
        points = np.concatenate([prompts.points_xy, deep])
        positive = np.concatenate([prompts.points_positive, np.full(len(deep), True)])
        return replace(prompts, points_xy=points, points_positive=positive, box_xyxy=box, inside=inside)
    says_inside = prompts.points_positive.any() or prompts.inside is not None or prompts.box_xyxy is not None
    if guess is not None and (guess >= 0.5).any() and not says_inside:
        return replace(prompts, box_xyxy=bounding_box(guess >= 0.5))
    return prompts
