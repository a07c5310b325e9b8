"""One row for each method, condition and label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ..statistics import Estimate, mean_with_interval
from ..work import CaseRecord
from .evaluation import Evaluation, by_condition, by_label, subjects_of


@dataclass(frozen=True)
class Row:
    """What one method made of one label under one condition.

    Parameters
    ----------
    method, condition, label
        Which.
    cases, subjects, failures
        How many; failures are among the cases.
    estimates
        Mean of every shown quantity, failures included, by name.
    median_seconds
        Of one case [s]; NaN where time was not measured.
    peak_memory_mb
        Highest of all cases [MB]; NaN where memory was not measured.
    """

    method: str
    condition: str
    label: str
    cases: int
    subjects: int
    failures: int
    estimates: Mapping[str, Estimate]
    median_seconds: float
    peak_memory_mb: float


def summarize(evaluation: Evaluation) -> tuple[Row, ...]:
    """Return the rows by method, condition and label."""
    return tuple(
        _row(evaluation, (method, condition, label), records)
        for method in evaluation.methods
        for condition, asked in by_condition(evaluation.of_method(method)).items()
        for label, records in by_label(asked).items()
    )


def _row(evaluation: Evaluation, names: tuple[str, str, str], records: Sequence[CaseRecord]) -> Row:
    subjects = subjects_of(records)
    estimates = {
        quantity.name: mean_with_interval(
            [record.values[quantity.name] for record in records], subjects, evaluation.seed
        )
        for quantity in evaluation.shown
    }
    return Row(
        *names,
        cases=len(records),
        subjects=len(set(subjects)),
        failures=sum(evaluation.is_failure(record) for record in records),
        estimates=estimates,
        median_seconds=median(record.seconds for record in records),
        peak_memory_mb=max(record.peak_memory_mb for record in records),
    )
