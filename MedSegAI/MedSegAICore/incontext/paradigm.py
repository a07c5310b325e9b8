"""The in-context paradigm: from a stored task and an image to a result, for every model."""

from __future__ import annotations

import time
from dataclasses import replace

from ..engine.provenance import provenance_of
from ..engine.run import Run
from ..errors import InvalidRequest, InvalidSupport, InvalidSupportSet
from ..request import InContextTask, SegmentationRequest
from ..result import SegmentationResult
from ..structures import mask_of, mean_quality, structures_from, union, warnings_of
from ..task_fields import task_to_dict
from .question import ContextModel, Question
from .task_library import TaskLibrary

ANSWERING = 0.95
"""Share of the time for the model."""


def segment_in_context(request: SegmentationRequest, model: ContextModel, run: Run) -> SegmentationResult:
    """Segment what the examples of a task show.

    Parameters
    ----------
    request
        The image and an `InContextTask`.
    model
        What looks at the examples.
    run
        Progress and cancel.

    Raises
    ------
    InvalidSupportSet
        There is no such task, it is damaged, or its examples are other ones than the request says.
    InvalidSupport, InvalidImage
        No example shows the structures, or none can be used for the image.
    InvalidRequest
        The task has no structure of a name, or the model gives no such candidate.
    Cancelled
        The user stopped the run.
    """
    began = time.perf_counter()
    assert isinstance(request.task, InContextTask)  # noqa: S101  the engine chooses the paradigm by the task
    run.step(0.0, "Reading the examples")
    request.image.take_fingerprint(run.check)
    question, task = _asked(request, request.task)
    answer = model.answer(question, run.part(0.0, ANSWERING))
    run.step(ANSWERING, "Finishing")
    structures = structures_from(answer.probabilities, answer.quality, task.threshold, task.clean_up, run.check)
    found = SegmentationResult(
        mask=mask_of(structures),
        probability=union([structure.probability for structure in structures]),
        provenance=provenance_of(task_to_dict(task), request.image, model, time.perf_counter() - began),
        quality=mean_quality(structures),
        candidates=answer.candidates,
        uncertainty=answer.uncertainty,
        warnings=(*request.image.warnings, *answer.warnings, *warnings_of(structures)),
        segment=request.segment,
        generation=request.generation,
        structures=structures,
    )
    return found.with_candidate(task.candidate)


def _asked(request: SegmentationRequest, task: InContextTask) -> tuple[Question, InContextTask]:
    """Return the question, and the task that says exactly which examples it is about."""
    stored = TaskLibrary(task.library).task(task.task)
    labels = task.labels or stored.labels
    if strange := [label for label in labels if label not in stored.labels]:
        message = f"The task '{task.task}' has no structure '{strange[0]}'."
        raise InvalidRequest(message, f"Choose from: {', '.join(stored.labels)}.")
    digest = stored.digest()
    if task.digest not in ("", digest):
        message = f"The examples of the task '{task.task}' are other ones than are asked for: they were changed since."
        raise InvalidSupportSet(message, "Use the task as it was, or leave out its digest.")
    contexts = stored.examples()
    shown = {label for context in contexts for label in context.labels}
    if missing := [label for label in labels if label not in shown]:
        message = f"No example of the task '{task.task}' shows '{missing[0]}'."
        raise InvalidSupport(message, "Draw it on an image and add that to the task.")
    question = Question(request.image, contexts, labels, digest, task.scope, task.window, task.options)
    return question, replace(task, digest=digest)
