"""Puts every question of a protocol to every method, keeps each answer, and goes on where a killed run ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import nan
from typing import Any, cast

from ..engine.run import Run
from ..errors import (
    Cancelled,
    DeviceUnavailable,
    InvalidRequest,
    LicenceNotAccepted,
    MedSegAIError,
    PackageMissing,
    UnknownModel,
    WeightsCorrupt,
    WeightsMismatch,
    WeightsMissing,
)
from .peak_memory import PeakMemory
from .records import RecordFile
from .work import CaseRecord, EvaluationProtocol, Method, WorkItem

NOT_READY = (
    DeviceUnavailable,
    LicenceNotAccepted,
    PackageMissing,
    UnknownModel,
    WeightsCorrupt,
    WeightsMismatch,
    WeightsMissing,
)
"""What says that a method cannot run here at all: that is no answer to a question, and ends the evaluation."""


@dataclass
class Stopwatch:
    """A method that measures its own calls.

    Parameters
    ----------
    method
        What is called.
    calls, seconds, peak_memory_mb
        How often it was called, how long the calls took together [s], and the most memory during one of them [MB].
    """

    method: Callable[..., Any]
    calls: int = 0
    seconds: float = 0.0
    peak_memory_mb: float = 0.0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the method, also measured where it raises."""
        self.calls += 1
        memory = PeakMemory()
        began = time.perf_counter()
        try:
            with memory:
                return self.method(*arguments, **options)
        finally:
            self.seconds += time.perf_counter() - began
            self.peak_memory_mb = max(self.peak_memory_mb, memory.megabytes)


def run_evaluation(
    protocol: EvaluationProtocol[Method], methods: Mapping[str, Method], file: RecordFile, run: Run, timed: bool = True
) -> tuple[CaseRecord, ...]:
    """Put what is not yet in `file` and return all records, by method and then in the order of the questions.

    A method that raises is a failure, with its reason in words and the protocol's `failed_values`.

    Parameters
    ----------
    protocol
        What is asked.
    methods
        What answers, by name.
    file
        Where the records are kept; what it holds already is not asked again.
    run
        Progress and cancel.
    timed
        False where time and memory mean nothing, because the methods only read what others computed: both are NaN.

    Raises
    ------
    Cancelled
        The run was stopped; the records so far are in the file.
    MedSegAIError
        A question could not be put, or a method cannot run on this computer.
    """
    items = protocol.items()
    _check_distinct(items)
    done = {(record.method, record.item): record for record in file.records}
    questions = list(product(methods, items))
    missing = [question for question in questions if question not in done]
    for number, (name, item) in enumerate(missing):
        start, end = number / len(missing), (number + 1) / len(missing)
        run.step(start, f"{name}: {described(item)}")
        record = ask(protocol, name, methods[name], item, run.part(start, end), timed)
        file.append(record)
        done[name, item] = record
    run.step(1.0)
    return tuple(done[question] for question in questions)


def ask(
    protocol: EvaluationProtocol[Method], name: str, method: Method, item: WorkItem, run: Run, timed: bool = True
) -> CaseRecord:
    """Put one question to one method; see `run_evaluation`."""
    watch = Stopwatch(method)
    failure = ""
    try:
        values = protocol.evaluate(item, cast(Method, watch), run)
    except (Cancelled, *NOT_READY):
        raise
    except Exception as error:  # whatever the method raised is its failure
        if watch.calls == 0:  # the question was never put
            raise
        failure, values = _in_words(error), protocol.failed_values(item)
    seconds, memory = (watch.seconds, watch.peak_memory_mb) if timed else (nan, nan)
    return CaseRecord(item, name, dict(values), seconds, memory, failure)


def described(item: WorkItem) -> str:
    """Return the name of a question."""
    return ", ".join(part for part in (item.dataset, item.subject, item.label, item.variant, item.condition) if part)


def _in_words(error: Exception) -> str:
    if isinstance(error, MedSegAIError):
        return error.message
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _check_distinct(items: Sequence[WorkItem]) -> None:
    seen: set[WorkItem] = set()
    for item in items:
        if item in seen:
            message = f"The protocol asks twice: {described(item)}."
            raise InvalidRequest(message, "Give every question a variant of its own.")
        seen.add(item)
