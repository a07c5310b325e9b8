"""Whole volumes with a network for slices: along one axis or three, a second closer look, several answers combined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import methodcaller
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..consensus import by_agreement, entropy
from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.memory import with_one_retry
from ..engine.run import Run
from ..fewshot.slices import SliceStack
from ..geometry import VolumeGeometry
from ..models.catalogue import ModelSpec
from ..volume import VolumePatch
from .axes import axes_for, axis_of, places_for, stack_across
from .context_network import ContextNetwork, load_context_network
from .frames import Frame, body_box
from .passes import Countdown, passes_of
from .question import ContextAnswer, Question
from .second_look import closer_frame, closer_side, drawn_box, hit_box
from .slice_pass import SliceAsker, SlicePass
from .support_pool import FrameMaker, SupportPool, body_frame

Float16 = NDArray[np.float16]
Float32 = NDArray[np.float32]

Reader = Callable[[SlicePass], Float32]
"""Makes (n, side, side) of all answers of a pass."""

FAINT = np.float32(0.01)
"""Probabilities below it become 0, so that patches stay small."""

MOST_CANDIDATES = 8
"""Candidates that a result shows."""

FINER = 1.25
"""A second look shows so many times as many pixels of what is in it, or it is left out."""

SMALLER = "Memory ran out, so the model looked at one example at a time, which is slower."


def build(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> NetworkModel:
    """Return the model of a catalogue entry; raises what `load_context_network` raises."""
    network, digest = load_context_network(spec, weights, plan, cache)
    return NetworkModel(spec.name, digest, network, cache)


@dataclass(frozen=True, eq=False)
class AxisAnswer:
    """What a network says on the slices across one axis.

    Parameters
    ----------
    stack
        The slices.
    passes
        For each structure its passes; a later one counts where it looked.
    """

    stack: SliceStack
    passes: Sequence[Sequence[SlicePass]]

    def add_to(self, totals: Sequence[Float16], read: Reader, share: float) -> None:
        """Add a share of the probabilities to one array (k, j, i) of the canonical view for each structure."""
        grids = [[read(one) for one in of_label] for of_label in self.passes]
        views = [np.moveaxis(total, self.stack.axis, 0) for total in totals]
        for place in self.passes[0][0].places:
            maps = [
                self._slice(of_label, read_out, place) for of_label, read_out in zip(self.passes, grids, strict=True)
            ]
            whole = np.maximum(np.sum(maps, axis=0), np.float32(1)) / np.float32(share)
            for view, values in zip(views, maps, strict=True):
                view[place] += (values / whole).astype(np.float16)

    def _slice(self, passes: Sequence[SlicePass], grids: Sequence[Float32], place: int) -> Float32:
        values = np.zeros(self.stack.size, np.float32)
        for one, grid in zip(passes, grids, strict=True):
            if place in one.places:
                maps = torch.from_numpy(grid[list(one.places).index(place)])[None, None]
                values[one.frame.rows, one.frame.columns] = one.frame.back(maps)[0, 0].numpy()
        return values


class NetworkModel:
    """Segments slice by slice, each shown with the examples' slices that are most like it.

    Parameters
    ----------
    name, weights_hash
        The catalogue entry, and sha256 of the checkpoint.
    network
        With weights.
    cache
        Keeps the slices of the examples.
    """

    def __init__(self, name: str, weights_hash: str, network: ContextNetwork, cache: ByteBoundedCache) -> None:
        self.name = name
        self.weights_hash = weights_hash
        self.device = f"{network.on}, {str(network.dtype).removeprefix('torch.')}"
        self._network = network
        self._cache = cache

    def answer(self, question: Question, run: Run) -> ContextAnswer:
        """Segment an image.

        Raises
        ------
        InvalidSupport, InvalidImage, InvalidRequest
            No example can be used for the image, or the slice that is asked for is none of it.
        OutOfDeviceMemory
            Memory ran out, also with one example at a time.
        Cancelled
            Within one block of the network after the run was cancelled.
        """
        looked = run.part(0.0, 0.9)
        at_once = self._network.supports_at_once()
        first, retry = (partial(self._axes, question, number, looked) for number in (at_once, 1))
        axes, warnings = with_one_retry(first, retry, SMALLER)
        return replace(self._put_together(question, axes, run.part(0.9, 1.0)), warnings=warnings)

    def _axes(self, question: Question, at_once: int, run: Run) -> list[AxisAnswer]:
        axes = axes_for(question)
        counts = [len(places_for(question, axis)) for axis in axes]
        countdown = Countdown(passes_of(question.options, sum(counts), len(question.labels)))
        return [self._across(question, axis, at_once, countdown, run) for axis in axes]

    def _across(self, question: Question, axis: int, at_once: int, countdown: Countdown, run: Run) -> AxisAnswer:
        """Look at the slices across one axis, and once more at what was found if that is asked for."""
        stack = stack_across(question.image, axis, question.window)
        asker = SliceAsker(self._network, stack, question.options, at_once)
        places = places_for(question, axis)
        frame = Frame.around(body_box(stack), stack.spacing, self._network.side)
        pool = self._pool(question, axis, question.labels, "body", body_frame(self._network.side), run)
        labels = range(len(question.labels))

        def position(place: int) -> float:
            return np.nan if stack.is_single else (place + 0.5) / len(stack.array)

        passes = [[one] for one in asker.look(pool, labels, places, frame, position, countdown, run)]
        if question.options.second_pass:
            for label, of_label in zip(question.labels, passes, strict=True):
                found = self._closer(question, label, of_label[0], stack, run)
                if found is not None:
                    near, closer, again = found
                    of_label += asker.look(near, [0], again, closer, position, countdown, run)
        return AxisAnswer(stack, passes)

    def _closer(
        self, question: Question, label: str, first: SlicePass, stack: SliceStack, run: Run
    ) -> tuple[SupportPool, Frame, range] | None:
        """Return examples, frame and slices for a closer look at what was found; None if that would not be closer."""
        hit = hit_box(first, question.options.combine)
        if hit is None:
            return None
        box, places = hit
        drawn = [context for context in question.contexts if label in context.labels]
        usable = [context for context in drawn if axis_of(context) in (None, stack.axis)]
        if not usable:
            return None
        side_mm = closer_side(box, stack, usable, label, question.window)
        frame = closer_frame(box, side_mm, stack, self._network.side)
        if not frame_is_finer(frame, first.frame):
            return None
        make: FrameMaker = partial(_around_drawn, side_mm=side_mm, side=self._network.side)
        key = f"closer {label} {side_mm:.3f}"
        near = replace(question, contexts=tuple(usable))
        return self._pool(near, stack.axis, (label,), key, make, run), frame, places

    def _pool(
        self, question: Question, axis: int, labels: Sequence[str], kind: str, frame_of: FrameMaker, run: Run
    ) -> SupportPool:
        window = question.window and (question.window.lower, question.window.upper)
        key = ("context", question.digest, axis, tuple(labels), kind, window, self._network.side)
        pool: SupportPool | None = self._cache.get(key)
        if pool is None:
            pool = SupportPool.of(question.contexts, labels, axis, question.window, frame_of, run)
            self._cache.put(key, pool, pool.size_bytes)
        return pool

    def _put_together(self, question: Question, axes: Sequence[AxisAnswer], run: Run) -> ContextAnswer:
        view = question.image.canonical().geometry
        stored = question.image.geometry
        totals = self._totals(question, axes, lambda one: one.combined(question.options.combine))
        run.step(0.3, "Combining the answers")
        patches = {
            label: _patch(total, view, stored, np.float32) for label, total in zip(question.labels, totals, strict=True)
        }
        inside = np.sum(totals, axis=0, dtype=np.float32)
        if question.options.combine != "mean":
            del inside
            inside = np.sum(self._totals(question, axes, lambda one: one.combined("mean")), axis=0, dtype=np.float32)
        doubt = np.where(inside >= FAINT, entropy(np.minimum(inside, 1)), np.float32(0))
        uncertainty = _patch(doubt, view, stored, np.float16)
        candidates = tuple(self._candidates(question, axes, run.part(0.5, 1.0)))
        return ContextAnswer(patches, uncertainty, by_agreement(candidates)[:MOST_CANDIDATES])

    def _totals(self, question: Question, axes: Sequence[AxisAnswer], read: Reader) -> list[Float16]:
        """Return for each structure the mean over the axes, float16 (k, j, i) of the canonical view."""
        shape = question.image.canonical().geometry.shape
        totals = [np.zeros(shape, np.float16) for _ in question.labels]
        for one in axes:
            one.add_to(totals, read, 1 / len(axes))
        return totals

    def _candidates(self, question: Question, axes: Sequence[AxisAnswer], run: Run) -> Iterator[VolumePatch]:
        """Yield the mask of every answer, if there are several."""
        count = len(axes[0].passes[0][0].answers)
        for number in range(count if count > 1 else 0):
            run.step(number / count, "Collecting the candidates")
            totals = self._totals(question, axes, methodcaller("answer", number))
            inside = np.sum(totals, axis=0, dtype=np.float32) >= np.float32(0.5)
            view = question.image.canonical().geometry
            yield VolumePatch.whole(inside, view).tight().in_storage_order(question.image.geometry)


def frame_is_finer(closer: Frame, first: Frame) -> bool:
    """Tell whether a frame shows clearly more of what is in it than another one."""
    ours, theirs = (one.size[0] / (one.rows.stop - one.rows.start) for one in (closer, first))
    return bool(ours > FINER * theirs)


def _around_drawn(stack: SliceStack, drawn: Sequence[NDArray[np.bool_]], side_mm: float, side: int) -> Frame:
    """Return the frame of an example around its structure."""
    return closer_frame(drawn_box(drawn), side_mm, stack, side)


def _patch(values: NDArray[np.generic], view: VolumeGeometry, stored: VolumeGeometry, dtype: type) -> VolumePatch:
    """Return what is not faint of values on the canonical view, in the storage order of the image."""
    clear = np.where(values >= FAINT, values, values.dtype.type(0))
    tight = VolumePatch.whole(clear, view).tight().in_storage_order(stored)
    return VolumePatch(np.asarray(tight.array, dtype=dtype), tight.offset, stored)
