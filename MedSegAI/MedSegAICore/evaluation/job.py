"""An evaluation from its settings to the folder with its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..engine.run import Run
from .records import RecordFile
from .report.environment import environment
from .report.evaluation import Evaluation
from .report.files import MasksOf, write_report
from .report.results import read_results
from .runner import run_evaluation
from .work import CaseRecord, EvaluationProtocol

RECORDS = "records.jsonl"
SHARE_OF_THE_QUESTIONS = 0.95
"""Of the progress bar; the rest is for tables, plots and error maps."""


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be evaluated.

    Parameters
    ----------
    protocols
        One for each data set, all of one kind.
    methods
        What answers, by name.
    settings
        What the values depend on besides the protocols' names, by name; a run goes on only with the same settings.
    masks_of
        Gives prediction and reference of a case, for its error map.
    seed
        Of the protocols and of the intervals.
    timed
        Whether time and memory of the methods mean anything.
    """

    protocols: Sequence[EvaluationProtocol[Any]]
    methods: Mapping[str, Any]
    settings: Mapping[str, Any]
    masks_of: MasksOf
    seed: int
    timed: bool = True


def run_job(
    job: Job, folder: Path, run: Run, *, earlier: Path | None = None, worst: int = 5
) -> tuple[Evaluation, tuple[str, ...]]:
    """Evaluate into a folder and return what was found, with what the user should know about the files.

    Cut short, the same call goes on with what is missing.

    Parameters
    ----------
    job
        What is evaluated.
    folder
        Where the results go; it is made if it does not exist.
    run
        Progress and cancel.
    earlier
        `results.json` of an earlier run to compare with.
    worst
        For how many cases error maps are written.

    Raises
    ------
    SettingsDiffer
        The folder holds records of a run with other settings.
    RecordsDamaged
        The records in the folder, or the earlier results, cannot be read.
    Cancelled
        The run was stopped.
    MedSegAIError
        A question could not be put, or a method cannot run on this computer.
    """
    before = read_results(earlier) if earlier else None
    for protocol in job.protocols:
        protocol.items()  # what cannot be asked is refused before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(protocol.name for protocol in job.protocols))
    settings = {"protocol": names, "seed": job.seed, "methods": list(job.methods), "MedSegAI": __version__}
    file = RecordFile(folder / RECORDS, settings | dict(job.settings))
    records: list[CaseRecord] = []
    for number, protocol in enumerate(job.protocols):
        ends = (SHARE_OF_THE_QUESTIONS * at / len(job.protocols) for at in (number, number + 1))
        records += run_evaluation(protocol, job.methods, file, run.part(*ends), job.timed)
    evaluation = Evaluation(
        protocol="; ".join(names),
        seed=job.seed,
        settings={"Methods": list(job.methods), **job.settings},
        environment=environment(),
        quantities=tuple(job.protocols[0].quantities()),
        records=tuple(sorted(records, key=lambda record: list(job.methods).index(record.method))),
    )
    warnings = write_report(folder, evaluation, before, job.masks_of, worst, run.part(SHARE_OF_THE_QUESTIONS, 1.0))
    run.step(1.0, "done")
    return evaluation, warnings
