"""One row for each method and label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from ..statistics import Estimate, mean_with_interval
from .evaluation import Evaluation, by_label, subjects_of


@dataclass(frozen=True)
class Row:
    """What one method made of one label.

    Parameters
    ----------
    method, label
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
    label: str
    cases: int
    subjects: int
    failures: int
    estimates: Mapping[str, Estimate]
    median_seconds: float
    peak_memory_mb: float


def summarize(evaluation: Evaluation) -> tuple[Row, ...]:
    """Return the rows by method and label."""
    rows = []
    for method in evaluation.methods:
        for label, records in by_label(evaluation.of_method(method)).items():
            subjects = subjects_of(records)
            estimates = {
                quantity.name: mean_with_interval(
                    [record.values[quantity.name] for record in records], subjects, evaluation.seed
                )
                for quantity in evaluation.shown
            }
            rows.append(
                Row(
                    method=method,
                    label=label,
                    cases=len(records),
                    subjects=len(set(subjects)),
                    failures=sum(evaluation.is_failure(record) for record in records),
                    estimates=estimates,
                    median_seconds=median(record.seconds for record in records),
                    peak_memory_mb=max(record.peak_memory_mb for record in records),
                )
            )
    return tuple(rows)
