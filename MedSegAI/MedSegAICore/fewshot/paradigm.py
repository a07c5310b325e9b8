"""The few-shot paradigm: from examples to a file, and from that file to a result, for every learner."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from ..engine.cache import ByteBoundedCache
from ..engine.provenance import provenance_of
from ..engine.run import Run
from ..errors import InvalidSupportModel
from ..models.checkpoint import file_sha256
from ..request import FewShotTask, SegmentationRequest
from ..result import SegmentationResult
from ..structures import mask_of, mean_quality, structures_from, union, warnings_of
from ..task_fields import task_to_dict
from .fit import FitReport, FitRequest
from .learner import FewShotLearner, FewShotModel, Scores
from .model_file import load_model, save_model

LEARNING = 0.98
"""Share of the time for learning; the rest is for the file."""

_HASHES = 1 << 10  # bytes: this once


def learn(request: FitRequest, learner: FewShotLearner, run: Run) -> FitReport:
    """Learn from examples and write the support model.

    Raises
    ------
    InvalidSupport, InvalidImage
        The examples cannot be used; the message names the one.
    InvalidRequest
        The file cannot be written.
    Cancelled
        The run was stopped; an older file is still there.
    """
    began = time.perf_counter()
    model = learner.fit(request.examples, run.part(0.0, LEARNING), request.seed)
    run.step(LEARNING, "Writing the support model")
    return save_and_report(request, learner, model, model.leave_one_out, began)


def save_and_report(
    request: FitRequest, learner: FewShotLearner, model: FewShotModel, scores: Scores, began: float
) -> FitReport:
    """Write a support model with its leave-one-out Dice, and say what it is."""
    values = {label: request.values[label] for label in model.labels if label in request.values}
    save_model(replace(model.stored(), leave_one_out=scores, values=values), request.file)
    images = [warning for example in request.examples for warning in example.image.warnings]
    return FitReport(
        file=request.file,
        sha256=file_sha256(request.file, ByteBoundedCache(_HASHES)),
        model=learner.name,
        labels=model.labels,
        leave_one_out=scores,
        seconds=time.perf_counter() - began,
        compared={},
        warnings=(*dict.fromkeys(images), *model.warnings),
    )


def segment_few_shot(request: SegmentationRequest, learner: FewShotLearner, run: Run) -> SegmentationResult:
    """Segment what examples have taught.

    Parameters
    ----------
    request
        The image and a `FewShotTask`.
    learner
        What has learned the support model of the task.
    run
        Progress and cancel.

    Raises
    ------
    InvalidSupportModel
        The file is missing, damaged, another one than the task says, or of another learner.
    InvalidImage
        The image cannot be segmented like the examples.
    Cancelled
        The user stopped the run.
    """
    began = time.perf_counter()
    assert isinstance(request.task, FewShotTask)  # noqa: S101  the engine chooses the paradigm by the task
    request.image.take_fingerprint(run.check)
    model, task = _restored(request.task, learner)
    answer = model.segment(request.image, run.part(0.0, 0.95))
    run.step(0.95, "Finishing")
    expected = {label: float(np.mean(scores)) for label, scores in model.leave_one_out.items()}
    quality = {**expected, **answer.quality}
    structures = structures_from(answer.probabilities, quality, task.threshold, task.clean_up, run.check)
    return SegmentationResult(
        mask=mask_of(structures),
        probability=union([structure.probability for structure in structures]),
        provenance=provenance_of(task_to_dict(task), request.image, learner, time.perf_counter() - began),
        quality=mean_quality(structures),
        warnings=(*request.image.warnings, *answer.warnings, *warnings_of(structures)),
        segment=request.segment,
        generation=request.generation,
        structures=structures,
    )


def _restored(task: FewShotTask, learner: FewShotLearner) -> tuple[FewShotModel, FewShotTask]:
    """Return the support model, and the task that says exactly which one it is."""
    stored = load_model(task.support_model)
    name = task.support_model.name
    if stored.method != learner.name:
        message = f"The support model '{name}' was learned by '{stored.method}', not by '{learner.name}'."
        raise InvalidSupportModel(message, "Leave the model open, so that the file decides.")
    if stored.weights_hash != learner.weights_hash:
        message = f"The support model '{name}' was learned with other weights of '{learner.name}'."
        raise InvalidSupportModel(message, "Learn from the examples again.")
    sha256 = file_sha256(task.support_model, ByteBoundedCache(_HASHES))
    if task.sha256 not in ("", sha256):
        message = f"The support model '{name}' is not the one that is asked for: it was changed since."
        raise InvalidSupportModel(message, "Choose the original file, or leave out its hash.")
    return learner.restore(stored), replace(task, sha256=sha256, model=learner.name)
