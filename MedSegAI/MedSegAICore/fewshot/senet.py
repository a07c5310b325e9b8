"""Learn from examples with SE-Net (Roy et al. 2020, arXiv:1902.01314): nothing is fitted, examples steer the network.

Every slice of a query is segmented by one slice of each example, and the answers are averaged. `matching_slice` tells
which one. The published protocol knows where the structure begins and ends in the query; here nothing is known, so the
slice at the same relative height of the volume serves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.memory import with_one_retry
from ..engine.run import Run
from ..errors import InvalidImage, InvalidSupport
from ..models.catalogue import ModelSpec
from ..models.loading import load_network
from ..networks.senet import MULTIPLE, Gates, SENet
from ..volume import ImageVolume
from .examples import Example, common_labels
from .learner import Answer, Scores, StoredModel, normalized_answer
from .senet_quality import leave_one_out
from .senet_supports import SupportSlices, restored, stored
from .slices import Size, SliceStack, common_frame, framed, resized, unframed

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

SliceMatch = Callable[[int, int, Bool], int | None]
"""See `matching_slice`."""

BATCH_PIXELS = 1 << 16
"""Slices of about so many pixels go through the network at once, at least one slice."""

MOST_PIXELS = 1 << 19
"""No slice is seen with more pixels: memory and the time to stop grow with them."""

READING = 0.1
"""Share of the time for reading examples, where their quality is estimated afterwards."""

COARSER = "The image covers so much more than the examples that it was seen coarser than they: check every slice."

SMALLER = "Memory ran out, so the model looked at one slice at a time, which is slower."


def build(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> SENetLearner:
    """Return the learner of a catalogue entry, with its checkpoint on the planned device.

    It computes in float32 everywhere: it is small, and half precision would move the places of its maxima.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe, WeightsMismatch
        The checkpoint cannot be used.
    OutOfDeviceMemory
        The device has no room for the network.
    """
    network = SENet()
    loaded = load_network(network, spec, weights, plan, cache)
    return SENetLearner(spec.name, loaded.sha256, plan.device, network, cache)


def matching_slice(index: int, count: int, shows: Bool) -> int | None:
    """Return the slice of an example at the same relative height, or None if it does not show the structure.

    Parameters
    ----------
    index, count
        The slice of the query, and how many it has.
    shows
        For each slice of the example, whether it shows the structure.
    """
    same_height = (2 * index + 1) * len(shows) // (2 * count)
    return same_height if shows[same_height] else None


class SENetLearner:
    """Keeps the slices of the examples that show the structures.

    Parameters
    ----------
    name
        The catalogue entry.
    weights_hash
        sha256 of the checkpoint.
    device
        Where the network is, as torch names it.
    network
        With weights.
    cache
        Keeps what slices of examples say.
    match
        Chooses the slice of an example for a slice of the query.
    """

    def __init__(
        self,
        name: str,
        weights_hash: str,
        device: str,
        network: SENet,
        cache: ByteBoundedCache,
        match: SliceMatch = matching_slice,
    ) -> None:
        self.name = name
        self.weights_hash = weights_hash
        self.device = f"{device}, float32"
        self.match = match
        self._on = device
        self._network = network
        self._cache = cache

    def fit(self, examples: Sequence[Example], run: Run, seed: int = 0) -> SENetModel:  # noqa: ARG002  draws nothing
        """Keep what the examples show, and let each be segmented by the others.

        Raises
        ------
        InvalidSupport
            The examples show different structures, or slices and volumes are mixed.
        InvalidImage
            An image is a line or a point.
        Cancelled
            The run was stopped.
        """
        labels = common_labels(examples)
        stacks = []
        for number, example in enumerate(examples):
            run.step(READING * number / len(examples), "Reading the examples")
            with example.named_in_errors():
                stacks.append(SliceStack.of(example.image))
            if stacks[-1].is_single is not stacks[0].is_single:
                message = f"{example.title} and the first one are not both volumes or both slices."
                raise InvalidSupport(message, "Choose either volumes or slices.")
        spacing = _bounded_spacing(stacks[0].spacing, stacks)
        supports = tuple(
            SupportSlices.of(example, stack, labels, spacing, run)
            for example, stack in zip(examples, stacks, strict=True)
        )
        model = SENetModel(self, labels, supports, spacing, stacks[0].is_single)
        scores = leave_one_out(model, examples, stacks, run.part(READING, 1.0)) if len(examples) > 1 else {}
        return replace(model, leave_one_out=scores)

    def restore(self, stored: StoredModel) -> SENetModel:
        """Return the model that was stored.

        Raises
        ------
        InvalidSupportModel
            Something is missing or cannot be; or it was learned with another model or other weights.
        """
        supports, spacing, is_single = restored(stored, self.name, self.weights_hash)
        return SENetModel(self, stored.labels, supports, spacing, is_single, stored.leave_one_out)

    def gates(self, support: SupportSlices, label: int, place: int, frame: Size, run: Run) -> Gates:
        """Return what one slice of an example says about one structure, in a frame of so many rows and columns."""
        key = ("gates", support.digest, label, place, frame, self.weights_hash, self.device)
        gates: Gates | None = self._cache.get(key)
        if gates is None:
            pixels, mask = (framed(part, frame).to(self._on) for part in support.slice(label, place))
            gates = self._network.condition(pixels, mask, run.check)
            self._cache.put(key, gates, gates.size_bytes)
        return gates

    def answer(self, pixels: torch.Tensor, gates: Gates, frame: Size, run: Run) -> torch.Tensor:
        """Return the probability (n, 1, rows, columns) of what the gates tell of on slices of the same shape."""
        found = self._network.segment(framed(pixels, frame).to(self._on), gates, run.check)
        run.check()
        return unframed(found, (pixels.shape[2], pixels.shape[3])).cpu()


def _bounded_spacing(spacing: tuple[float, float], stacks: Sequence[SliceStack]) -> tuple[float, float]:
    """Return the finest spacing [mm] in proportion to a given one with which no slice has too many pixels."""
    rows, columns = spacing
    pixels = [np.prod(np.multiply(stack.size, stack.spacing)) / (rows * columns) for stack in stacks]
    share = max(pixels) / MOST_PIXELS
    coarser = share**0.5 if share > 1 + 1e-6 else 1.0  # what was bounded once is bounded
    return rows * coarser, columns * coarser


@dataclass(frozen=True, eq=False)
class Job:
    """Slices of a query (by their rows in the answer) that one slice of an example tells one structure on."""

    label: int
    support: SupportSlices
    place: int
    rows: list[int]


@dataclass(frozen=True, eq=False)
class SENetModel:
    """Slices that steer the network.

    Parameters
    ----------
    learner
        Has the network.
    labels
        Names of the structures.
    supports
        The examples.
    spacing
        Distance between rows and between columns of all slices that the network sees [mm].
    is_single
        The examples are slices, not volumes.
    leave_one_out
        How well each example is segmented by the others; empty with one example.
    """

    learner: SENetLearner
    labels: tuple[str, ...]
    supports: tuple[SupportSlices, ...]
    spacing: tuple[float, float]
    is_single: bool
    leave_one_out: Scores = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say which structures no slice shows any more, because slices are seen coarser than they are."""
        shown = np.any(
            [[support.shows(label).any() for label in range(len(self.labels))] for support in self.supports], 0
        )
        return tuple(
            f"'{label}' is too small to be found: it is smaller than a pixel of the slices that the network sees."
            for label, is_shown in zip(self.labels, shown, strict=True)
            if not is_shown
        )

    def segment(self, query: ImageVolume, run: Run) -> Answer:
        """Segment an image; where no example shows a structure at the height of a slice, it is not found there.

        Raises
        ------
        InvalidImage
            The image is a slice and the examples are volumes, or the other way round; or it is a line or a point.
        Cancelled
            Within one block of the network after the run was cancelled.
        OutOfDeviceMemory
            Memory ran out, also with one slice at a time.
        """
        stack = SliceStack.of(query)
        if stack.is_single is not self.is_single:
            kinds = ("slice", "volume") if stack.is_single else ("volume", "slice")
            message = f"The image is a {kinds[0]}, but the examples are {kinds[1]}s."
            raise InvalidImage(message, f"Choose a {kinds[1]}.")
        found, warnings = self.probabilities(stack, range(len(stack.array)), run)
        if _bounded_spacing(self.spacing, [stack]) != self.spacing:
            warnings = (*warnings, COARSER)
        run.step(1.0)
        answer = normalized_answer({label: stack.in_place(values) for label, values in found.items()}, query, run)
        return replace(answer, warnings=warnings)

    def probabilities(
        self, stack: SliceStack, places: Sequence[int], run: Run
    ) -> tuple[dict[str, Float32], tuple[str, ...]]:
        """Return the probability (n, rows, columns) of every structure on some slices, and warnings; see `segment`."""
        ask = partial(self._averaged, stack, places, run)
        return with_one_retry(partial(ask, BATCH_PIXELS), partial(ask, 1), SMALLER)

    @torch.inference_mode()
    def _averaged(self, stack: SliceStack, places: Sequence[int], run: Run, batch_pixels: int) -> dict[str, Float32]:
        """Return the mean over the examples; what an example knows nothing of counts as 0."""
        size = stack.size_at(_bounded_spacing(self.spacing, [stack]))
        frame = common_frame([size, *(support.size for support in self.supports)], MULTIPLE)
        found = {label: np.zeros((len(places), *stack.size), np.float32) for label in self.labels}
        jobs = list(self.jobs(stack, places, max(1, batch_pixels // (frame[0] * frame[1]))))
        for number, job in enumerate(jobs):
            run.step(number / len(jobs), f"Looking for {self.labels[job.label]}")
            gates = self.learner.gates(job.support, job.label, job.place, frame, run)
            pixels = stack.pixels([places[row] for row in job.rows], size)
            answer = resized(self.learner.answer(pixels, gates, frame, run), stack.size)
            found[self.labels[job.label]][job.rows] += answer[:, 0].numpy() / len(self.supports)
        return found

    def jobs(self, stack: SliceStack, places: Sequence[int], most: int) -> Iterator[Job]:
        """Yield what must be asked: slices that are segmented by the same slice of an example go together."""
        for label in range(len(self.labels)):
            for support in self.supports:
                together: dict[int, list[int]] = {}
                for row, place in enumerate(places):
                    match = self.learner.match(place, len(stack.array), support.shows(label))
                    if match is not None:
                        together.setdefault(match, []).append(row)
                for match, rows in together.items():
                    for start in range(0, len(rows), most):
                        yield Job(label, support, match, rows[start : start + most])

    def stored(self) -> StoredModel:
        """Return the model as a file keeps it."""
        description, tensors = stored(self.supports, self.spacing, is_single=self.is_single)
        return StoredModel(
            self.learner.name, self.learner.weights_hash, self.labels, self.leave_one_out, description, tensors
        )
