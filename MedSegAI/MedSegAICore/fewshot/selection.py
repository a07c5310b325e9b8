"""Which learner suits the examples: each of them is segmented by what the others teach."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..engine.run import Run
from ..errors import Cancelled, MedSegAIError, PackageMissing
from ..structures import exclusive
from .examples import Example
from .fit import DEFAULT, FitReport, FitRequest
from .learner import Answer, FewShotLearner, FewShotModel, Scores
from .paradigm import save_and_report

RunWithLearner = Callable[[Callable[[FewShotLearner], Any]], Any]
"""Runs a function with a learner, on the device and with the threads that suit it."""

COMPARING = 0.95
"""Share of the time for the comparison."""

THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class Tried:
    """A learner that was tried: what it has learned of all examples, and its leave-one-out Dice."""

    learner: FewShotLearner
    model: FewShotModel
    scores: Scores

    @property
    def mean(self) -> float:
        """Return the mean Dice over examples and structures."""
        return mean_dice(self.scores)


def mean_dice(scores: Scores) -> float:
    """Return the mean over examples and structures."""
    return float(np.mean(list(scores.values())))


def learn_best(request: FitRequest, learners: Mapping[str, RunWithLearner], run: Run) -> FitReport:
    """Learn with whatever segments the examples best by what the others teach, and write the support model.

    A single example cannot decide: the default is taken then, and the report says so. A learner that cannot use the
    examples is left out.

    Parameters
    ----------
    request
        The examples and the file.
    learners
        By name; the default is among them.
    run
        Progress and cancel.

    Raises
    ------
    InvalidSupport, InvalidImage
        The examples cannot be used.
    InvalidRequest
        The file cannot be written.
    Cancelled
        The run was stopped.
    """
    began = time.perf_counter()
    if len(request.examples) == 1:
        learner, model = learners[DEFAULT](lambda learner: _fitted(learner, request, run.part(0.0, COMPARING)))
        report = save_and_report(request, learner, model, model.leave_one_out, began)
        said = "One example cannot tell which method is best, so the default was taken."
        return replace(report, warnings=(*report.warnings, said))
    best: Tried | None = None  # only the best is kept: models take memory
    scores: dict[str, Scores] = {}
    left_out: dict[str, MedSegAIError] = {}
    for number, (name, run_with) in enumerate(learners.items()):
        part = run.part(COMPARING * number / len(learners), COMPARING * (number + 1) / len(learners))
        try:
            one: Tried = run_with(partial(_tried, request=request, run=part))
        except Cancelled:
            raise
        except MedSegAIError as error:
            left_out[name] = error
            continue
        scores[name] = one.scores
        if best is None or one.mean > best.mean:
            best = one
        del one  # or it lives on while the next one learns
    if best is None:
        raise next(iter(left_out.values()))
    report = save_and_report(request, best.learner, best.model, best.scores, began)
    notes = [_verdict(best.learner.name, scores)]
    notes += [f"'{name}' was left out: {error.message}" for name, error in left_out.items() if not _is_usual(error)]
    compared = {name: mean_dice(of_name) for name, of_name in scores.items()}
    return replace(report, compared=compared, warnings=(*report.warnings, *notes))


def _is_usual(error: MedSegAIError) -> bool:
    """Tell whether a learner was left out for something that the user knows."""
    return isinstance(error, PackageMissing)


def _fitted(learner: FewShotLearner, request: FitRequest, run: Run) -> tuple[FewShotLearner, FewShotModel]:
    return learner, learner.fit(request.examples, run, request.seed)


def _tried(learner: FewShotLearner, request: FitRequest, run: Run) -> Tried:
    model = learner.fit(request.examples, run.part(0.0, 0.5), request.seed)
    scores = model.leave_one_out or leave_one_out(learner, request.examples, run.part(0.5, 1.0), request.seed)
    return Tried(learner, model, scores)


def leave_one_out(learner: FewShotLearner, examples: tuple[Example, ...], run: Run, seed: int = 0) -> Scores:
    """Return the Dice of every structure on every example, segmented by what the other examples teach.

    Raises
    ------
    Cancelled
        The run was stopped.
    """
    found = []
    for number, example in enumerate(examples):
        part = run.part(number / len(examples), (number + 1) / len(examples))
        others = [other for other in examples if other is not example]
        model = learner.fit(others, part.part(0.0, 0.7), seed)
        found.append(_dice(model.segment(example.image, part.part(0.7, 1.0)), example, model.labels))
    return {label: tuple(scores[label] for scores in found) for label in found[0]}


def _dice(answer: Answer, example: Example, labels: tuple[str, ...]) -> dict[str, float]:
    truth = example.label_map(labels)
    scores = {}
    for value, (label, probability) in enumerate(exclusive(answer.probabilities).items(), start=1):
        inside, drawn = probability.canonical().full() >= THRESHOLD, truth == value
        scores[label] = 2 * int((inside & drawn).sum()) / (int(inside.sum()) + int(drawn.sum()))
    return scores


def _verdict(best: str, scores: Mapping[str, Scores]) -> str:
    """Say how sure the choice is."""
    others = [name for name in scores if name != best]
    if not others:
        return f"'{best}' is the only method that is ready here."
    second = max(others, key=lambda name: mean_dice(scores[name]))
    ours, theirs = (np.mean(list(scores[name].values()), axis=0) for name in (best, second))
    wins, count = int((ours > theirs).sum()), len(ours)
    sure = "clearly" if wins == count >= 3 else "by a small margin, so this may be chance"
    return (
        f"'{best}' did best {sure}: Dice {mean_dice(scores[best]):.2f} against {mean_dice(scores[second]):.2f} of "
        f"'{second}', better on {wins} of {count} examples."
    )
