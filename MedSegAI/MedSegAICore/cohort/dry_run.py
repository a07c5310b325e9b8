"""What a run would do, and about how long it would take; nothing is written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ..engine.engine import Engine
from ..engine.run import Run
from ..errors import Cancelled
from .case_loop import duration
from .case_work import segmented
from .cohort import Cohort, Standing, standings

WORDS = {
    "new": "to do",
    "changed": "to do again",
    "kept": "done already",
    "failed": "failed before; --retry tries it again",
}


@dataclass(frozen=True, eq=False)
class DryRun:
    """What a run would do.

    Parameters
    ----------
    found
        Where every case stands.
    seconds
        Time of one case [s]; None if it could not be measured.
    measured
        How that is known, in words.
    """

    found: Sequence[Standing]
    seconds: float | None
    measured: str

    @property
    def todo(self) -> int:
        """How many cases would be done."""
        return sum(standing.state in ("new", "changed") for standing in self.found)

    def total_seconds(self, workers: int) -> float | None:
        """Return the time with so many workers [s]; None if it is not known."""
        return None if self.seconds is None else self.seconds * -(-self.todo // workers)

    def lines(self, workers: int) -> list[str]:
        """Say what would be done, and the time with so many workers."""
        said = [f"{standing.job.case.name}: {WORDS[standing.state]}" for standing in self.found]
        said.append(f"{self.todo} of {len(self.found)} cases would be done.")
        seconds = self.total_seconds(workers)
        if self.todo and seconds is None:
            said.append(f"The time is not known: {self.measured}")
        elif self.todo and seconds is not None:
            said.append(f"That takes about {duration(seconds)} with {workers} worker(s): {self.measured}")
        return said


def dry_run(cohort: Cohort, run: Run, engine: Engine | None = None) -> DryRun:
    """Return what a run would do; one case is segmented to see how long it takes, unless some are done already.

    Raises
    ------
    Cancelled
        The run was stopped.
    UnknownModel, WeightsMissing...
        No case can be done here.
    """
    engine = engine or cohort.engine()
    found = standings(cohort, engine)
    earlier = [standing.record.total_seconds for standing in found if standing.record]
    if earlier:
        return DryRun(found, median(earlier), f"{median(earlier):.2g} s was usual for those that are done.")
    todo = next((standing for standing in found if standing.state in ("new", "changed")), None)
    if todo is None:
        return DryRun(found, None, "")
    began = time.perf_counter()
    try:
        segmented(todo.job, engine, run)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001  the case would be a failure of the run
        return DryRun(found, None, f"'{todo.job.case.name}' could not be segmented ({error}).")
    seconds = time.perf_counter() - began
    return DryRun(found, seconds, f"'{todo.job.case.name}' took {seconds:.2g} s.")
