"""Learn from examples by comparing features, near where registration expects the structures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ...engine.cache import ByteBoundedCache
from ...engine.device import DevicePlan
from ...engine.run import Run
from ...models.catalogue import ModelSpec
from ...prompt.sam import build as build_sam
from ...volume import ImageVolume
from ..examples import Example
from ..learner import Answer, Scores, StoredModel
from ..registered.features import look_region
from ..registered.grids import Float32, as_itk
from ..registered.opinions import pooled
from ..registered.quality import reverse_dice
from ..registered.query import RegisteredQuery, patches_of, winners, without_stray_parts
from .comparison import TOGETHER, Way
from .encoders import FilterBankEncoder, PromptableEncoder, SliceEncoder
from .expectation import Expectation, expected
from .knowledge import Knowledge, learned
from .likeness import ByComparison
from .prompting import ByPrompts
from .stored import restored_knowledge, stored_knowledge

REGISTERING, ASKING = 0.5, 0.9
"""Shares of the time: until the examples are registered, and until the answer is there."""

LEARNING = 0.1
"""Share of the time for learning, where every example is segmented by what the others teach afterwards."""

SOFTNESS = 1.0
"""Standard deviation that the prior is softened by [voxels]: of one example it is nearly a mask."""

SURE = 1e-4
"""No probability counts as surer than this."""


class Method(Protocol):
    """What says where structures are on slices.

    Parameters
    ----------
    encoder
        Makes the features.
    prior_share
        Weight [0, 1] of the registered prior in the answer; the rest is the method's own.
    """

    @property
    def encoder(self) -> SliceEncoder:
        """Return what makes the features."""
        ...

    @property
    def prior_share(self) -> float:
        """Return the weight of the registered prior."""
        ...

    def on_slices(self, knowledge: Knowledge, expectation: Expectation, run: Run) -> Float32:
        """Return the probability of every structure: float32 (structures, n, rows, columns)."""
        ...


def build(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> PrototypeLearner:
    """Return the learner of a catalogue entry of prototypes: on filters, or on the image encoder of its checkpoint.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe, WeightsMismatch
        The checkpoint cannot be used.
    PackageMissing
        `segment_anything` is not installed.
    OutOfDeviceMemory
        The device has no room for the network.
    """
    return comparing(spec, weights, plan, cache, TOGETHER)


def comparing(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache, ways: Sequence[Way]
) -> PrototypeLearner:
    """Return the learner of a catalogue entry that compares in some ways; raises what `build` raises."""
    if spec.weights is None:
        return PrototypeLearner(spec.name, ByComparison(FilterBankEncoder(cache), ways), judges_itself=True)
    encoder = PromptableEncoder(build_sam(spec, weights, plan, cache))
    return PrototypeLearner(spec.name, ByComparison(encoder, ways), judges_itself=False)


def build_prompting(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache
) -> PrototypeLearner:
    """Return the learner of a catalogue entry that prompts a model; raises what `build` raises."""
    model = build_sam(spec, weights, plan, cache)
    return PrototypeLearner(spec.name, ByPrompts(PromptableEncoder(model), model), judges_itself=False)


class PrototypeLearner:
    """Keeps slices of examples to compare with.

    Parameters
    ----------
    name
        Its name in the catalogue.
    method
        What says where structures are.
    judges_itself
        Whether every example is also segmented by what the others teach; that takes as long as so many queries.
    """

    def __init__(self, name: str, method: Method, *, judges_itself: bool) -> None:
        self.name = name
        self.weights_hash = method.encoder.weights_hash
        self.device = method.encoder.device
        self.method = method
        self._judges_itself = judges_itself

    def fit(self, examples: Sequence[Example], run: Run, seed: int = 0) -> PrototypeModel:  # noqa: ARG002
        """Learn the structures that all examples show; nothing is drawn, so that the seed changes nothing."""
        judges = self._judges_itself and len(examples) > 1
        share = LEARNING if judges else 1.0
        knowledge = learned(examples, self.method.encoder, run.part(0.0, share))
        model = PrototypeModel(self.name, knowledge, self.method)
        return replace(model, leave_one_out=_leave_one_out(model, examples, run.part(share, 1.0))) if judges else model

    def restore(self, stored: StoredModel) -> PrototypeModel:
        """Return the model that was stored."""
        knowledge = restored_knowledge(stored, self.name, self.weights_hash)
        return PrototypeModel(self.name, knowledge, self.method, stored.leave_one_out)


@dataclass(frozen=True, eq=False)
class PrototypeModel:
    """Examples to compare with.

    Parameters
    ----------
    name
        Of the learner.
    knowledge
        The examples.
    method
        What says where structures are.
    leave_one_out
        See `FewShotModel`.
    """

    name: str
    knowledge: Knowledge
    method: Method
    leave_one_out: Scores = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names of the structures."""
        return self.knowledge.labels

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say which structures are too small."""
        return self.knowledge.registered.warnings

    def segment(self, query: ImageVolume, run: Run) -> Answer:
        """Segment an image; where the examples did not judge each other, also ask back what the answer would teach."""
        asked = run if self.leave_one_out else run.part(0.0, ASKING)
        registered, probabilities = self.on_box(query, asked)
        quality: dict[str, float] = {}
        if not self.leave_one_out:
            quality = reverse_dice(self.knowledge.registered, registered, probabilities, run.part(ASKING, 1.0))
        return Answer(patches_of(self.labels, registered, probabilities, run), quality)

    def on_box(self, query: ImageVolume, run: Run) -> tuple[RegisteredQuery, Float32]:
        """Return a query, and the probability (structures, ...) of every structure on its box."""
        encoder = self.method.encoder
        expectation = expected(self.knowledge, query, encoder, run.part(0.0, REGISTERING))
        found = self.method.on_slices(self.knowledge, expectation, run.part(REGISTERING, 1.0))
        run.check()
        found = expectation.on_box(found)
        return expectation.registered, near_prior(self.knowledge, expectation, found, self.method.prior_share)

    def stored(self) -> StoredModel:
        """Return the model as a file keeps it."""
        return stored_knowledge(self.knowledge, self.name, self.method.encoder.weights_hash, self.leave_one_out)


def near_prior(knowledge: Knowledge, expectation: Expectation, found: Float32, prior_share: float) -> Float32:
    """Return probabilities (structures, ...) on the box of a query together with the registered prior.

    They add up to 1 at most; parts that are far from where anything is expected are dropped.
    """
    prior, reach = expectation.registered.priors.weighted, knowledge.registered.reach
    soft = np.stack([ndimage.gaussian_filter(one, SOFTNESS) for one in prior])
    together = pooled(found, soft, prior_share, SURE) * look_region(prior, reach)
    return without_stray_parts(together / np.maximum(together.sum(axis=0), 1), prior)


def _leave_one_out(model: PrototypeModel, examples: Sequence[Example], run: Run) -> Scores:
    scores: dict[str, list[float]] = {label: [] for label in model.labels}
    for number, example in enumerate(examples):
        others = replace(model, knowledge=model.knowledge.without(number))
        part = run.part(number / len(examples), (number + 1) / len(examples))
        registered, probabilities = others.on_box(example.image, part)
        found = _dice_on_box(example, model.labels, registered.fine, probabilities)
        for label, score in zip(model.labels, found, strict=True):
            scores[label].append(score)
    return {label: tuple(values) for label, values in scores.items()}


def _dice_on_box(example: Example, labels: Sequence[str], box: sitk.Image, probabilities: Float32) -> list[float]:
    """Return the Dice of every structure; what lies outside the box was missed."""
    drawn = as_itk(example.label_map(labels), example.image.canonical().geometry)
    identity = sitk.Transform(box.GetDimension(), sitk.sitkIdentity)
    inside = sitk.Resample(drawn, box, identity, sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    truth, whole, answer = sitk.GetArrayViewFromImage(inside), sitk.GetArrayViewFromImage(drawn), winners(probabilities)
    per_voxel = float(np.prod(drawn.GetSpacing()) / np.prod(box.GetSpacing()))
    scores = []
    for label in range(1, len(labels) + 1):
        both = np.count_nonzero((truth == label) & (answer == label))
        of_truth = max(np.count_nonzero(whole == label) * per_voxel, np.count_nonzero(truth == label))
        scores.append(float(2 * both / max(of_truth + np.count_nonzero(answer == label), 1)))
    return scores
