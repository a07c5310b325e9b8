"""Runs over a cohort for the panel in Slicer, which starts them in a process of their own: plain values in and out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..engine.run import Run
from .case_loop import duration
from .cluster_worker import cluster_of
from .dry_run import dry_run
from .options import CohortOptions
from .runner import run_cohort
from .summary import looked_at_first

PATHS = {"output", "table", "images", "recipe", "model_file", "certificates"}


def segment_all(options: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Do what is missing or changed of a cohort.

    Parameters
    ----------
    options
        Fields of `CohortOptions` as JSON has them; those that are left out have their defaults.
    run
        Progress and cancel.

    Returns
    -------
    report
        `done`, `kept` and `failed` count the cases, `time` says in words how long it took, and `look_at` holds name,
        status and reason of every case that should be looked at, the most urgent one first.

    Raises
    ------
    MedSegAIError
        What `run_cohort` raises; what is done stays, and the same again goes on.
    """
    began = time.perf_counter()
    chosen = options_from(options)
    plan, cohort = chosen.plan(), chosen.cohort()
    reports = run_cohort(cohort, run, (lambda: cluster_of(plan, cohort)) if plan else None)
    counts = {status: sum(report.status == status for report in reports) for status in ("done", "kept", "failed")}
    rows = [[report.job.case.name, report.status, reason] for report, reason in looked_at_first(reports)]
    return {**counts, "look_at": rows, "time": duration(time.perf_counter() - began)}


def look_ahead(options: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Tell what `segment_all` would do, without writing anything; one case is segmented to see how long it takes.

    Returns
    -------
    plan
        `cases` holds name and state of every case, `todo` the number of those that would be done, `time` says in words
        how long that takes ("" if it is not known), and `measured` how it is known.
    """
    chosen = options_from(options)
    found = dry_run(chosen.cohort(), run)
    rows = [[standing.job.case.name, standing.state] for standing in found.found]
    seconds = found.total_seconds(chosen.workers)
    time_ = "" if seconds is None else duration(seconds)
    return {"cases": rows, "todo": found.todo, "time": time_, "measured": found.measured}


def options_from(values: Mapping[str, Any]) -> CohortOptions:
    """Return options whose paths are texts."""
    fields: dict[str, Any] = {name: Path(value) if name in PATHS else value for name, value in values.items()}
    return CohortOptions(**fields)
