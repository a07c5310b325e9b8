"""A cohort from the lock on its folder to its summary."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from ..engine.engine import Engine
from ..engine.run import Run
from .case_loop import CaseLoop, CaseReport, Worker
from .cohort import Cohort, standings
from .folder_lock import held
from .local_worker import LocalWorker
from .summary import write_summary

MakeWorker = Callable[[], AbstractContextManager[Worker]]


def run_cohort(
    cohort: Cohort, run: Run, make_worker: MakeWorker | None = None, engine: Engine | None = None
) -> list[CaseReport]:
    """Do what is missing or changed of a cohort, and write its summary.

    Parameters
    ----------
    cohort
        What is to be done.
    run
        Progress and cancel.
    make_worker
        Gives what does the cases, if there are any to do; without it they are done one after the other here.
    engine
        What segments in this process; None takes the cohort's own.

    Returns
    -------
    reports
        One for every case, in their order. A failure is a report, not an error.

    Raises
    ------
    FolderBusy
        Another run works in the folder.
    Cancelled
        The run was stopped; the same again goes on.
    NoRoom, WeightsMissing, ClusterLost...
        No case can be done here.
    """
    with held(cohort.folder):
        engine = engine or cohort.engine()
        run.step(0.0, "looking for what is done already")
        found = standings(cohort, engine)
        todo = [standing for standing in found if standing.state in ("new", "changed")]
        here = LocalWorker(engine, cohort.folder, forgive=cohort.retry)
        with make_worker() if make_worker and todo else nullcontext(here) as worker:
            loop = CaseLoop(found, worker, lambda reports: write_summary(cohort.folder, reports, title_of(cohort)))
            return loop.run(run)


def title_of(cohort: Cohort) -> str:
    """Return what the summary is called."""
    model = cohort.recipe.task.model or "support models"
    labels = ", ".join(cohort.recipe.labels)
    return f"MedSegAI cohort: {labels + ' with ' if labels else ''}{model}"
