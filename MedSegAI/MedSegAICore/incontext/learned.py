"""The default behind in-context segmentation until trained networks do better: what few-shot segmentation learns.

Examples that are volumes teach about volumes, and slices what the structures look like; slices of the image itself
stand as they are and correct their neighbours. Where only slices can be used, some of them teach, and every slice of
the image is segmented by itself; a single one as soon as possible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..consensus import entropy
from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.run import Run
from ..fewshot.examples import Example
from ..fewshot.fit import DEFAULT
from ..fewshot.learner import Answer
from ..fewshot.registered.learner import RegisteredLearner, RegisteredModel
from ..fewshot.registered.registrations import Registrations
from ..models.catalogue import ModelSpec
from ..request import SliceScope
from ..volume import VolumePatch
from .axes import axes_for, axis_of, places_for, stack_across
from .context_example import ContextExample
from .frames import Frame, body_box
from .own_slices import OwnSlice, own_slices, with_own_slices
from .question import ContextAnswer, Question
from .slice_cut import flat_axis, slice_image
from .support_pool import SupportPool, body_frame, grid_pixels, looks_of

LEARNING = 0.6
"""Share of the time for learning."""

MOST_TEACHERS = 5
"""Slices that teach about slices: each must be registered to each other one and to every slice of the image."""

TEACHERS_OF_ONE = 3
"""Slices that teach about a single slice, for which somebody is waiting."""

SIDE = 64
"""Rows and columns of the small pictures by which those slices are chosen."""


def build(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> LearnedModel:  # noqa: ARG001  every model is built like this
    """Return the model of a catalogue entry; it needs no weights and no device."""
    learner = RegisteredLearner(DEFAULT, registrations=Registrations(cache))
    return LearnedModel(spec.name, learner, cache)


@dataclass(frozen=True, eq=False)
class Lesson:
    """Examples that all show some structures.

    Parameters
    ----------
    labels
        The structures.
    examples
        At least one.
    """

    labels: tuple[str, ...]
    examples: tuple[Example, ...]


class LearnedModel:
    """Learns from the examples of a question, and remembers that as long as they stay the same.

    Parameters
    ----------
    name
        The catalogue entry.
    learner
        What learns.
    cache
        Keeps what was learned.
    """

    def __init__(self, name: str, learner: RegisteredLearner, cache: ByteBoundedCache) -> None:
        self.name = name
        self.weights_hash = learner.weights_hash
        self.device = learner.device
        self._learner = learner
        self._cache = cache

    def answer(self, question: Question, run: Run) -> ContextAnswer:
        """Segment an image.

        Raises
        ------
        InvalidSupport, InvalidImage
            The examples cannot be used for the image.
        Cancelled
            The run was stopped.
        """
        volumes = [context for context in question.contexts if axis_of(context) is None]
        shown = {label for context in volumes for label in context.labels}
        is_volume = flat_axis(question.image.canonical().geometry) is None
        own = own_slices(question.image, question.contexts)
        if is_volume and not isinstance(question.scope, SliceScope) and shown.issuperset(question.labels):
            return self._of_volume(question, volumes, own, run)
        return self._of_slices(question, own, run)

    def _of_volume(
        self, question: Question, volumes: Sequence[ContextExample], own: Sequence[OwnSlice], run: Run
    ) -> ContextAnswer:
        """Segment the volume by what volumes teach, and slices of any image; those of its own teach most."""
        apart = {id(context) for context in (*volumes, *(one.context for one in own))}
        slices = [context.example for context in question.contexts if id(context) not in apart]
        models = self._models(question, volumes, run.part(0.0, LEARNING))
        shape, answers = question.image.canonical().geometry.shape, []
        for number, model in enumerate(models):
            known = [one.known(model.labels, shape) for one in own]
            answers.append(model.segment(question.image, _part(run, number, models), known, slices))
        return _joined(question, own, answers, models, run)

    def _of_slices(self, question: Question, own: Sequence[OwnSlice], run: Run) -> ContextAnswer:
        """Segment every slice that is asked for by what the most telling slices of the examples teach."""
        axis = axes_for(question)[0]
        places = places_for(question, axis)
        teachers = _teachers(question, axis, places, run)
        models = self._models(question, teachers, run.part(0.0, LEARNING), in_a_hurry=len(places) == 1)
        view = question.image.canonical()
        found: dict[str, NDArray[np.float16]] = {
            label: np.zeros(view.geometry.shape, np.float16) for label in question.labels
        }
        for number, place in enumerate(places):
            share = LEARNING + (1 - LEARNING) * number / len(places)
            run.step(share, f"Looking at slice {number + 1} of {len(places)}")
            image = slice_image(view, axis, place)
            for model in models:
                for label, patch in model.segment(image, Run(cancel=run.cancel)).probabilities.items():
                    np.moveaxis(found[label], axis, 0)[place] = np.moveaxis(patch.full(), axis, 0)[0]
        patches = {
            label: VolumePatch.whole(values, view.geometry).tight().in_storage_order(question.image.geometry)
            for label, values in found.items()
        }
        return _joined(question, own, [Answer(patches)], models, run, (axis, places))

    def _models(
        self, question: Question, teachers: Sequence[ContextExample], run: Run, *, in_a_hurry: bool = False
    ) -> list[RegisteredModel]:
        """Return what was learned of these examples, which is done once for as long as they are the same."""
        names = tuple(teacher.identifier or teacher.content_digest() for teacher in teachers)
        key = ("learned context", names, question.labels, question.options.seed, in_a_hurry)
        models: list[RegisteredModel] | None = self._cache.get(key)
        if models is None:
            models = []
            lessons = lessons_of([teacher.example for teacher in teachers], question.labels)
            for number, lesson in enumerate(lessons):
                part = run.part(number / len(lessons), (number + 1) / len(lessons))
                models.append(self._learned(lesson, part, question.options.seed, in_a_hurry=in_a_hurry))
            self._cache.put(key, models, sum(model.size_bytes for model in models))
        return models

    def _learned(self, lesson: Lesson, run: Run, seed: int, *, in_a_hurry: bool) -> RegisteredModel:
        if in_a_hurry:
            return self._learner.fit_apart(lesson.examples, run, seed)
        return self._learner.fit(lesson.examples, run, seed)


def lessons_of(examples: Sequence[Example], labels: Sequence[str]) -> list[Lesson]:
    """Return what can be taught together: all structures if every example shows them, or else each by itself."""
    if all(set(labels) <= set(example.masks) for example in examples):
        groups = [tuple(labels)]
    else:
        groups = [(label,) for label in labels if any(label in example.masks for example in examples)]
    return [
        Lesson(
            group,
            tuple(
                Example(example.image, {label: example.masks[label] for label in group}, example.name)
                for example in examples
                if set(group) <= set(example.masks)
            ),
        )
        for group in groups
    ]


def _teachers(question: Question, axis: int, places: range, run: Run) -> list[ContextExample]:
    """Return slices of examples, for each structure those most like the middle of the slices that are asked for."""
    pool = SupportPool.of(question.contexts, question.labels, axis, question.window, body_frame(SIDE), run)
    stack = stack_across(question.image, axis, question.window)
    look = looks_of(
        grid_pixels(stack, places[len(places) // 2], Frame.around(body_box(stack), stack.spacing, SIDE))[None]
    )
    position = float("nan") if stack.is_single else (places[len(places) // 2] + 0.5) / len(stack.array)
    near = pool.nearest(position, look[0], len(pool.owners))
    most, chosen = TEACHERS_OF_ONE if len(places) == 1 else MOST_TEACHERS, list[int]()
    for label in range(len(question.labels)):
        showing = [int(row) for row in near if pool.masks[label, row].any()][:most]
        chosen += [row for row in showing if row not in chosen]
    fitting = [context for context in question.contexts if axis_of(context) in (None, axis)]
    return [_slice_context(fitting[int(pool.owners[row])], axis, int(pool.places[row])) for row in chosen]


def _slice_context(context: ContextExample, axis: int, place: int) -> ContextExample:
    """Return one slice of an example, or the example if it is one."""
    view = context.example.image.canonical()
    if view.geometry.shape[axis] == 1:
        return context
    image = slice_image(view, axis, place)
    masks = {}
    for label, mask in context.example.masks.items():
        drawn = np.moveaxis(mask.canonical().full(), axis, 0)[place : place + 1]
        if drawn.any():
            masks[label] = VolumePatch.whole(np.moveaxis(drawn, 0, axis), image.geometry)
    identifier = f"{context.identifier} {axis} {place}" if context.identifier else ""
    return ContextExample(Example(image, masks, context.example.name), identifier)


def _part(run: Run, number: int, models: Sequence[Any]) -> Run:
    start, step = LEARNING, (1 - LEARNING) / len(models)
    return run.part(start + number * step, start + (number + 1) * step)


def _joined(
    question: Question,
    own: Sequence[OwnSlice],
    answers: Sequence[Answer],
    models: Sequence[RegisteredModel],
    run: Run,
    asked: tuple[int, range] | None = None,
) -> ContextAnswer:
    """Return what several models say, each about other structures, and what is known, as one answer."""
    found: dict[str, VolumePatch] = {}
    quality: dict[str, float] = {}
    for model in models:
        quality |= {label: float(np.mean(scores)) for label, scores in model.leave_one_out.items()}
    for answer in answers:
        found |= answer.probabilities
        quality |= answer.quality
    ordered = {label: found[label] for label in question.labels}
    ordered = with_own_slices(ordered, question.image, own, run, asked)
    totals = np.sum([patch.full() for patch in ordered.values()], axis=0, dtype=np.float32)
    over = np.maximum(totals, 1)
    patches: Mapping[str, VolumePatch] = {
        label: VolumePatch(patch.array / over[patch.bounds], patch.offset, patch.geometry)
        for label, patch in ordered.items()
    }
    doubt = VolumePatch.whole(entropy(np.minimum(totals, 1)).astype(np.float16), question.image.geometry).tight()
    warnings = tuple(dict.fromkeys(warning for answer in answers for warning in answer.warnings))
    return ContextAnswer(patches, doubt, quality=quality, warnings=warnings)
