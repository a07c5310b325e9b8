"""Segment slices with MedSegAI's own interactive network: it looks at the whole slice, then closely.

A box is looked at with its surroundings. A click says nothing of the size of what it points at: so the network looks at
the whole slice and more and more closely at the click. What it finds in the looks that it is surest of is looked at
once more, as closely as the structure allows.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from torch import Tensor

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.run import Run
from ..models.catalogue import ModelSpec
from ..models.loading import load_network
from ..networks.prompt_unet import PromptUNet
from .picture import Shape, grey_levels
from .prompt_maps import CLICK_RADIUS, PromptMaps
from .sam_refinement import refined
from .scribbleprompt import as_drawn
from .segmenter import Capabilities, Float32, Mask, SliceAnswer, SliceImage, SlicePrompts
from .slice_view import SliceView, view_around, whole_view

PREPROCESSING_VERSION = 1
"""Raised whenever the same slice would give another network input, so that old answers are not used."""

SIZE = 128
"""Side of the pictures that the network is shown [pixels]; it is trained on smaller ones, which takes less time."""

SURROUNDINGS = 1.75
"""How much longer than a structure its view is."""

CLOSENESS = (1.0, 0.5, 0.25)
"""Shares of the slice's longer side that the first looks at a click show."""

FEWEST_PIXELS = 48
"""A look at a click shows at least as many pixels of the slice along a side."""

CLOSER = 0.75
"""Each of these looks shows at most this share of the side of the one before."""

AS_SURE = 0.85
"""Of a second look, the expected overlap is at least this share of the best one's; otherwise one look decides."""

CUT_OFF = 0.5
"""What the expected overlap is multiplied by of a structure that goes on beyond its view."""

_SUREST = 0.999  # probability at most: an endless logit would shut out every correction
_NEVER = -12.0  # logit outside the view


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
    network = PromptUNet()
    loaded = load_network(network, spec, weights, plan, cache)
    device = f"{plan.device}, float32"  # it is small, and half precision would cost more than it saves
    return InteractiveNetworkSegmenter(spec.name, spec.capabilities, network.eval(), loaded.sha256, device, cache)


@dataclass(frozen=True, eq=False)
class InteractiveNetworkSegmenter:
    """A promptable segmenter on slices with the network that comes with MedSegAI.

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
    """

    name: str
    capabilities: Capabilities
    network: PromptUNet
    weights_hash: str
    device: str
    cache: ByteBoundedCache

    @torch.inference_mode()
    def segment_slice(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        """Return what the prompts point at on one slice.

        The last prompt corrects the answer to those before it. A first guess takes the place of this answer for the
        first one. A lasso, which often reaches beyond the structure, becomes its box and points deep inside.

        Raises
        ------
        Cancelled
            Within one pass of the network after the run was cancelled.
        """
        levels = grey_levels(image.pixels, image.window).astype(np.float32)

        def decode(step: SlicePrompts, logits: Float32 | None) -> _Decoded:
            if logits is None and step.previous_mask is not None:
                logits = _logits(step.previous_mask.astype(np.float32))
            question = _Question(levels, image.spacing_mm, as_drawn(step), logits)
            return _Decoded(self._answered(question, run))

        answer = refined(prompts, self._key(image), decode, self.cache)
        probability: Float32 = expit(answer.logits)
        return SliceAnswer(probability, expected_overlap(probability))

    def _answered(self, question: _Question, run: Run) -> Float32:
        """Return the logits (rows, columns) of the last look."""
        view = question.close_view()
        if view is None:
            question = question.after(self._first_answer(question, run))
            view = question.close_view()
            if view is None:
                return question.known_logits
        return view.given_back(self._looks(question, [view], run)[0], question.shape, _NEVER)

    def _first_answer(self, question: _Question, run: Run) -> Float32:
        """Return the logits (rows, columns) of the one or two looks at clicks that the network is surest of."""
        views = question.first_views()
        looks = self._looks(question, views, run)
        worth = np.array([_worth(look, view, question.shape) for look, view in zip(looks, views, strict=True)])
        best = [index for index in np.argsort(-worth)[:2] if worth[index] >= AS_SURE * worth.max()]
        answers = [expit(views[index].given_back(looks[index], question.shape, _NEVER)) for index in best]
        return _logits(np.mean(answers, axis=0))

    def _looks(self, question: _Question, views: Sequence[SliceView], run: Run) -> list[Float32]:
        """Return the logits (SIZE, SIZE) of each view."""
        run.check()
        channels = torch.stack([question.channels(view) for view in views])
        logits = self.network(channels.to(next(self.network.parameters())))
        return [look.cpu().numpy() for look in logits[:, 0]]

    def _key(self, image: SliceImage) -> Hashable:
        return (image.key, image.window, self.name, self.weights_hash, self.device, PREPROCESSING_VERSION)


@dataclass(frozen=True, eq=False)
class _Question:
    """What is asked about a slice.

    Parameters
    ----------
    levels
        Grey levels (rows, columns).
    spacing_mm
        Distance between (rows, columns) [mm].
    prompts
        What was drawn: clicks, one box, scribbles.
    logits
        Answer before (rows, columns), or None.
    """

    levels: Float32
    spacing_mm: tuple[float, float]
    prompts: SlicePrompts
    logits: Float32 | None

    @property
    def shape(self) -> Shape:
        rows, columns = self.levels.shape
        return rows, columns

    @property
    def known_logits(self) -> Float32:
        """The answer before, or that nothing is inside."""
        return np.full(self.shape, _NEVER, np.float32) if self.logits is None else self.logits

    @property
    def found(self) -> Mask:
        """Where the answer before is inside."""
        return self.known_logits > 0

    def after(self, logits: Float32) -> _Question:
        """Return the same question after an answer (rows, columns)."""
        return _Question(self.levels, self.spacing_mm, self.prompts, logits)

    def first_views(self) -> list[SliceView]:
        """Return the whole slice, and what is closer and closer around the clicks and scribbles inside."""
        places = self._marked_inside()
        low, high = places.min(axis=0), places.max(axis=0)
        whole = whole_view(self.shape, self.spacing_mm)
        views = [whole]
        for share in CLOSENESS[1:]:
            extent = (high - low + 1) * self.spacing_mm
            side = share * max(whole.shape) * min(self.spacing_mm)
            view = view_around(low, high, max(side / float(extent.max()), SURROUNDINGS), self.shape, self.spacing_mm)
            if FEWEST_PIXELS <= max(view.shape) <= CLOSER * max(views[-1].shape):
                views.append(view)
        return views

    def close_view(self) -> SliceView | None:
        """Return the view of box and answer with all marks inside; None where there is neither box nor answer."""
        parts: list[NDArray[Any]] = [np.argwhere(self.found)] if self.found.any() else []
        if self.prompts.box_xyxy is not None:
            parts.append(self.prompts.box_xyxy.reshape(2, 2)[:, ::-1])
        if not parts:
            return None
        places = np.concatenate([*parts, self._marked_inside()])
        return view_around(places.min(axis=0), places.max(axis=0), SURROUNDINGS, self.shape, self.spacing_mm)

    def channels(self, view: SliceView) -> Tensor:
        """Return the input (5, SIZE, SIZE) of the network for a view."""
        maps = self._maps(view)
        previous = np.zeros((SIZE, SIZE), np.float32)
        if self.logits is not None:
            previous = view.taken(expit(self.logits), SIZE, outside=0.0)
        picture = view.taken(self.levels, SIZE, outside=0.0)
        return torch.from_numpy(np.stack([picture, maps.box, maps.positive, maps.negative, previous]))

    def _maps(self, view: SliceView) -> PromptMaps:
        prompts, maps = self.prompts, PromptMaps.nothing((SIZE, SIZE))
        if prompts.box_xyxy is not None:
            corners = prompts.box_xyxy.reshape(2, 2)[:, ::-1]
            edges = view.pixels(np.stack([corners[0] - 0.5, corners[1] + 0.5]), SIZE)
            maps = maps.with_box(edges[0] + 0.5, edges[1] - 0.5)
        for positive, drawn in ((True, prompts.inside), (False, prompts.outside)):
            clicks = prompts.points_xy[prompts.points_positive == positive][:, ::-1]
            maps = maps.with_marks(view.pixels(clicks, SIZE), CLICK_RADIUS, positive=positive)
            if drawn is not None:
                strokes = np.argwhere(view.taken(drawn.astype(np.float32), SIZE, outside=0.0) > 0)
                maps = maps.with_marks(strokes, 0.0, positive=positive)
        return maps

    def _marked_inside(self) -> NDArray[np.float64]:
        """Return clicks and pixels of strokes inside (n, 2) as (row, column)."""
        clicks = self.prompts.points_xy[self.prompts.points_positive][:, ::-1]
        drawn = self.prompts.inside
        return np.concatenate([clicks, np.empty((0, 2)) if drawn is None else np.argwhere(drawn)])


@dataclass(frozen=True, eq=False)
class _Decoded:
    """An answer: logits (rows, columns)."""

    logits: Float32


def _logits(probability: Float32) -> Float32:
    logits: Float32 = logit(probability.clip(1 - _SUREST, _SUREST)).astype(np.float32)
    return logits


def expected_overlap(probability: Float32) -> float:
    """Return the Dice overlap that is to be expected of what is above one half, if the probabilities are right."""
    inside = probability > 0.5
    return float(2 * probability[inside].sum() / max(float(probability.sum()) + np.count_nonzero(inside), 1e-6))


def _worth(logits: Float32, view: SliceView, shape: Shape) -> float:
    """Return how good a look is: what overlap it expects, less where it does not see all of the structure."""
    return expected_overlap(expit(logits)) * (CUT_OFF if view.cuts(logits > 0, shape) else 1.0)
