"""The loop over the cases of a cohort: what fails is tried once more, then set aside, and the rest goes on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

from ..engine.run import Run
from ..errors import MedSegAIError, error_from_message
from .attempt import Outcome
from .case_files import writing_to
from .case_record import CaseFailure, CaseRecord, write_failure
from .case_work import CaseJob
from .cohort import Standing

Status = Literal["done", "kept", "failed", "waiting"]
MOST_TRIES = 2
SUMMARY_SECONDS = 30.0
"""While cases are done, the summary is written about so often [s]."""


class Worker(Protocol):
    """What does cases, here or elsewhere."""

    @property
    def slots(self) -> int:
        """How many cases are given to it at once: never more than it can work on, so that the others wait here."""

    def submit(self, job: CaseJob) -> None:
        """Take a case."""

    def next_outcome(self, run: Run) -> Outcome:
        """Return what came of one of the cases that were taken, when it is known."""


@dataclass(frozen=True, eq=False)
class CaseReport:
    """What became of a case.

    Parameters
    ----------
    job
        The case.
    status
        `done` now, `kept` from an earlier run, `failed`, or still `waiting`.
    record, failure
        The provenance of its results, or why there are none.
    """

    job: CaseJob
    status: Status
    record: CaseRecord | None = None
    failure: CaseFailure | None = None


Summarize = Callable[[Sequence[CaseReport]], None]


class CaseLoop:
    """One run over a cohort whose folder is locked.

    Parameters
    ----------
    found
        Where every case stands.
    worker
        What does them.
    summarize
        Called with all reports now and then, and at the end.
    """

    def __init__(self, found: Sequence[Standing], worker: Worker, summarize: Summarize) -> None:
        self._worker = worker
        self._summarize = summarize
        self._reports = {standing.job.case.output: _report(standing) for standing in found}
        todo = [standing.job for standing in found if standing.state in ("new", "changed")]
        self._queue: deque[CaseJob] = deque(todo)
        self._total = len(todo)
        self._tries: dict[str, int] = {}
        self._ended = self._failed = 0

    @property
    def reports(self) -> list[CaseReport]:
        """What became of every case, in their order."""
        return list(self._reports.values())

    def run(self, run: Run) -> list[CaseReport]:
        """Do every case that is not done.

        Raises
        ------
        Cancelled
            The run was stopped; what is done stays, and the same again goes on.
        NoRoom, WeightsMissing, DeviceUnavailable...
            No case can be done here.
        """
        try:
            self._work(run)
        except BaseException:
            with suppress(MedSegAIError):  # on a full disk there is no summary; why the run ended says more
                self._summarize(self.reports)
            raise
        self._summarize(self.reports)
        return self.reports

    def _work(self, run: Run) -> None:
        began = summarized = time.perf_counter()
        working = 0
        while self._queue or working:
            run.check()
            while self._queue and working < self._worker.slots:
                self._worker.submit(self._queue.popleft())
                working += 1
            outcome = self._worker.next_outcome(self._part(run, began))
            working -= 1
            self._take(outcome)
            run.progress(self._ended / self._total, self._in_words(time.perf_counter() - began))
            if time.perf_counter() - summarized > SUMMARY_SECONDS:
                self._summarize(self.reports)
                summarized = time.perf_counter()

    def _part(self, run: Run, began: float) -> Run:
        start, end = self._ended / self._total, (self._ended + 1) / self._total
        part = run.part(start, end)

        def progress(fraction: float, message: str) -> None:
            part.progress(fraction, f"{self._in_words(time.perf_counter() - began)}; {message}")

        return Run(progress, run.cancel)

    def _take(self, outcome: Outcome) -> None:
        name = outcome.job.case.output
        if outcome.record is not None:
            self._ended += 1
            self._reports[name] = CaseReport(outcome.job, "done", outcome.record)
            return
        error = outcome.error or {}
        if outcome.ends_the_run:
            raise error_from_message(error)
        self._tries[name] = self._tries.get(name, 0) + 1
        if self._tries[name] < MOST_TRIES and not outcome.is_final:
            self._queue.append(outcome.job)
            return
        self._ended += 1
        self._failed += 1
        self._reports[name] = self._quarantined(outcome.job, error)

    def _quarantined(self, job: CaseJob, error: dict[str, str]) -> CaseReport:
        """Set a case aside: results of another image or recipe would be taken for its own."""
        failure = CaseFailure(job.key(job.digests()), self._tries[job.case.output], error)
        with writing_to(job.folder):
            job.files.remove()
            write_failure(job.files.failure, failure)
        return CaseReport(job, "failed", failure=failure)

    def _in_words(self, seconds: float) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        said = f"{self._ended} of {self._total}{failed}"
        if self._ended in (0, self._total):
            return said
        return f"{said}, about {duration(seconds / self._ended * (self._total - self._ended))} left"


def duration(seconds: float) -> str:
    """Return a time in words, as exact as an estimate can be."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds:.0f} s"


def _report(standing: Standing) -> CaseReport:
    if standing.state == "kept":
        return CaseReport(standing.job, "kept", standing.record)
    if standing.state == "failed":
        return CaseReport(standing.job, "failed", failure=standing.failure)
    return CaseReport(standing.job, "waiting")
