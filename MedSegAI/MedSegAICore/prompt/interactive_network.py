"""Segment slices with MedSegAI's own interactive network, which goes on from what the adaptive model answers.

A box is looked at with its surroundings. A click says nothing of the size of what it points at: so the adaptive model,
which has learned nothing, answers first, and the network looks at what that found, closely and from farther away. It
is shown this answer beside the prompts. What it answers to a box is about as long and wide as the box. Volumes, of
which the network knows nothing, are left to the adaptive model, unless they are to be segmented slice by slice.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.run import Run
from ..engine.threads import one_linear_algebra_thread, one_network_thread
from ..models.catalogue import ModelSpec
from ..models.loading import load_network
from ..networks.prompt_unet import PromptUNet
from ..prompts import Prompt
from ..request import IntensityWindow
from ..volume import ImageVolume
from .adaptive.guess import guessed, guesser
from .adaptive.segmenter import AdaptiveSegmenter
from .box_fit import filling
from .network_look import NetworkLook, logits_of, looked
from .network_question import NEVER, NetworkQuestion
from .picture import grey_levels
from .sam_refinement import refined
from .scribbleprompt import as_drawn
from .segmenter import Capabilities, Float32, SliceAnswer, SliceImage, SlicePrompts, VolumeAnswer

PREPROCESSING_VERSION = 1
"""Raised whenever the same slice would give another network input, so that old answers are not used."""

SIZE = 128
"""Side of the pictures that the network is shown [pixels]; it is trained on smaller ones, which takes less time."""


def build(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache
) -> InteractiveNetworkSegmenter:
    """Return the segmenter of a catalogue entry, with its weights on the planned device.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe, WeightsMismatch
        The weights cannot be used.
    OutOfDeviceMemory
        The device has no room for the network.
    """
    look = build_look(spec, weights, plan, cache)
    return InteractiveNetworkSegmenter(
        spec.name,
        spec.capabilities,
        look.network,
        look.weights_hash,
        look.device,
        cache,
        guesser(spec, cache),
        AdaptiveSegmenter(spec.name, spec.capabilities, cache),
    )


def build_look(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> NetworkLook:
    """Return the network of a catalogue entry as it looks at what others found; raises what `build` raises."""
    network = PromptUNet()
    loaded = load_network(network, spec, weights, plan, cache)
    device = f"{plan.device}, float32"  # it is small, and half precision would cost more than it saves
    return NetworkLook(network.eval(), loaded.sha256, device)


@dataclass(frozen=True, eq=False)
class InteractiveNetworkSegmenter:
    """A promptable segmenter with the network that comes with MedSegAI on slices, and the adaptive model in volumes.

    Parameters
    ----------
    name, capabilities
        As in the catalogue.
    network
        With weights, on its device.
    weights_hash
        sha256 of the weights.
    device
        Where it runs, in words.
    cache
        Keeps the logits of answers, for the next correction.
    guesser
        The adaptive model that answers first on a slice.
    in_volumes
        The adaptive model that answers in volumes.
    """

    name: str
    capabilities: Capabilities
    network: PromptUNet
    weights_hash: str
    device: str
    cache: ByteBoundedCache
    guesser: AdaptiveSegmenter
    in_volumes: AdaptiveSegmenter

    def segment_volume(
        self, image: ImageVolume, prompts: tuple[Prompt, ...], window: IntensityWindow, run: Run
    ) -> VolumeAnswer:
        """Return what the adaptive model finds in a canonical volume."""
        with one_linear_algebra_thread():
            return self.in_volumes.segment_volume(image, prompts, window, run)

    @one_network_thread()
    def segment_slice(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        """Return what the prompts point at on one slice.

        The last prompt corrects the answer to those before it. A first guess takes the place of this answer for the
        first one. A lasso, which often reaches beyond the structure, becomes its box and points deep inside.

        Raises
        ------
        Cancelled
            Within one step of the adaptive model, or one pass of the network, after the run was cancelled.
        """
        levels = grey_levels(image.pixels, image.window).astype(np.float32)

        def decode(step: SlicePrompts, logits: Float32 | None) -> _Decoded:
            if logits is None and step.previous_mask is not None:
                logits = logits_of(step.previous_mask.astype(np.float32))
            with one_linear_algebra_thread():
                guess = guessed(self.guesser, image, step, run)
            question = NetworkQuestion(levels, image.spacing_mm, as_drawn(step), logits, guess)
            answer = self._answered(question, run)
            # who points at something wants something, as on a slice of one pixel; what is followed may end
            if not step.box_follows and not (answer > 0).any():
                answer = logits_of(guess)
            # only a box that was drawn on this slice says how large the structure is here
            is_close = step.box_xyxy is not None and not step.box_follows and not step.box_is_cut
            return _Decoded(filling(answer, question.marked_box()) if is_close else answer)

        answer = refined(prompts, self._key(image), decode, self.cache)
        probability: Float32 = expit(answer.logits)
        return SliceAnswer(probability, expected_overlap(probability))

    def _answered(self, question: NetworkQuestion, run: Run) -> Float32:
        """Return the logits (rows, columns) of the mean of all looks at what is asked about."""
        views = question.views()
        if not views:
            return question.known_logits
        looks = looked(self.network, question, views, SIZE, run)
        if len(views) == 1:
            return views[0].given_back(looks[0], question.shape, NEVER)
        probability = np.zeros(question.shape, np.float32)
        for view, look in zip(views, looks, strict=True):
            part, logits = view.placed(look, question.shape)
            probability[part] += expit(logits) / np.float32(len(views))
        return logits_of(probability)

    def _key(self, image: SliceImage) -> Hashable:
        return (image.key, image.window, self.name, self.weights_hash, self.device, PREPROCESSING_VERSION)


@dataclass(frozen=True, eq=False)
class _Decoded:
    """An answer: logits (rows, columns)."""

    logits: Float32


def expected_overlap(probability: Float32) -> float:
    """Return the Dice overlap that is to be expected of what is above one half, if the probabilities are right."""
    inside = probability > 0.5
    return float(2 * probability[inside].sum() / max(float(probability.sum()) + np.count_nonzero(inside), 1e-6))
