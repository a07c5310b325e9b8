"""The cases one after the other in this process."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from ..engine.engine import Engine
from ..engine.run import Run
from ..errors import Cancelled, WorkerLost
from .attempt import Outcome, attempt, failed
from .case_files import HIDDEN
from .case_work import CaseJob

IN_FLIGHT = "in_flight.json"
MOST_DEATHS = 3
"""One more than a case is tried that fails by itself: whoever ends a program may have other reasons than the case."""


class LocalWorker:
    """Does one case at a time, and remembers across its own death which one that was.

    A case during which the process ended `MOST_DEATHS` times without being asked to, such as for want of memory, is
    not tried again.

    Parameters
    ----------
    engine
        What segments.
    folder
        The output folder.
    forgive
        Whether earlier deaths are forgotten.
    """

    slots = 1

    def __init__(self, engine: Engine, folder: Path, *, forgive: bool = False) -> None:
        self._engine = engine
        self._file = folder / HIDDEN / IN_FLIGHT
        self._waiting: list[CaseJob] = []
        self._earlier: dict[str, int] = {} if forgive else self._read()

    def submit(self, job: CaseJob) -> None:
        """Take a case."""
        self._waiting.append(job)

    def next_outcome(self, run: Run) -> Outcome:
        """Do the case that was taken, and return what came of it; raise `Cancelled` if it was stopped."""
        job = self._waiting.pop(0)
        name = f"{job.case.output} {job.recipe.sha256}"
        deaths = self._earlier.pop(name, 0)
        if deaths >= MOST_DEATHS:
            message = f"The program ended {deaths} times while it worked on this case."
            return failed(job, WorkerLost(message))
        self._write({name: deaths + 1})  # it stays until the next case begins: what is done is not looked up in it
        try:
            return attempt(job, self._engine, run)
        except Cancelled:
            self._write({name: deaths} if deaths else {})
            raise

    def _read(self) -> dict[str, int]:
        try:
            values = json.loads(self._file.read_text(encoding="utf-8"))
            return {str(name): int(count) for name, count in values.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _write(self, deaths: dict[str, int]) -> None:
        draft = self._file.with_suffix(".new")
        with suppress(OSError):  # helps only where something goes wrong
            draft.write_text(json.dumps(deaths), encoding="utf-8")
            draft.replace(self._file)
