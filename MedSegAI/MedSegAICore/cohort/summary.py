"""The table of a cohort, and which cases to look at first."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..command_line import write_text
from ..result import LOW_QUALITY
from .case_loop import CaseReport
from .page import in_ml, page_text

TABLE, PAGE = "summary.csv", "index.html"
FEWEST = 5
"""Volumes of fewer cases are not compared."""

FARTHEST = 3.5
"""Robust z-score of the logarithm of a volume beyond which it is an outlier (Iglewicz & Hoaglin 1993)."""

FLATTEST = 0.1
"""Least robust standard deviation of the logarithm: a volume within 30 % of the usual one is never an outlier."""


@dataclass(frozen=True)
class Concern:
    """Why a case should be looked at.

    Parameters
    ----------
    weight
        How urgently: failures first.
    reason
        In words.
    """

    weight: float
    reason: str


def write_summary(folder: Path, reports: Sequence[CaseReport], title: str) -> None:
    """Write the table and the page; raises `InvalidRequest` where that is not possible."""
    concerns = concerns_of(reports)
    write_text(folder / TABLE, table_text(reports, concerns))
    reasons = [_in_words(found) for found in concerns]
    write_text(folder / PAGE, page_text(reports, reasons, _most_urgent_first(concerns), title))


def looked_at_first(reports: Sequence[CaseReport]) -> list[tuple[CaseReport, str]]:
    """Return the cases that should be looked at with the reason, the most urgent one first."""
    concerns = concerns_of(reports)
    return [(reports[index], _in_words(concerns[index])) for index in _most_urgent_first(concerns) if concerns[index]]


def _most_urgent_first(concerns: Sequence[Sequence[Concern]]) -> list[int]:
    return sorted(range(len(concerns)), key=lambda index: -sum(concern.weight for concern in concerns[index]))


def _in_words(concerns: Sequence[Concern]) -> str:
    return " ".join(concern.reason for concern in concerns)


def concerns_of(reports: Sequence[CaseReport]) -> list[list[Concern]]:
    """Return for every case why it should be looked at."""
    found: list[list[Concern]] = [[] for _ in reports]
    for index, report in enumerate(reports):
        if report.failure is not None:
            found[index].append(Concern(1000, str(report.failure.as_error())))
        for structure in report.record.structures if report.record else ():
            if not structure.voxels:
                found[index].append(Concern(100, f"Nothing was found of '{structure.label}'."))
            elif structure.quality is not None and structure.quality < LOW_QUALITY:
                said = f"'{structure.label}' may be poor: its model gives it a quality of {structure.quality:.2f}."
                found[index].append(Concern(10 + 10 * (LOW_QUALITY - structure.quality), said))
    for index, concern in _unusual_volumes(reports):
        found[index].append(concern)
    return found


def table_text(reports: Sequence[CaseReport], concerns: Sequence[Sequence[Concern]]) -> str:
    """Return the cases as comma-separated text, in their order."""
    labels = list(dict.fromkeys(part.label for report in reports if report.record for part in report.record.structures))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    columns = [f"{label} {what}" for label in labels for what in ("ml", "voxels", "quality")]
    table.writerow(["case", "status", "look at", *columns, "seconds", "model", "device", "warnings"])
    for report, found in zip(reports, concerns, strict=True):
        record = report.record
        parts = {part.label: part for part in record.structures} if record else {}
        cells: list[str] = []
        for label in labels:
            part = parts.get(label)
            quality = "" if part is None or part.quality is None else f"{part.quality:.3f}"
            cells += [f"{part.ml:.5g}", str(part.voxels), quality] if part else ["", "", ""]
        rest = [f"{record.total_seconds:.2f}", record.model, record.device, " ".join(record.warnings)] if record else []
        row = [report.job.case.name, report.status, _in_words(found), *cells, *(rest or [""] * 4)]
        table.writerow([_as_text(cell) for cell in row])
    return text.getvalue()


def _as_text(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") else cell


def _unusual_volumes(reports: Sequence[CaseReport]) -> list[tuple[int, Concern]]:
    """Return the cases with a structure that is much larger or smaller than in the others."""
    volumes: dict[str, list[tuple[int, float]]] = {}
    for index, report in enumerate(reports):
        for part in report.record.structures if report.record else ():
            if part.voxels:
                volumes.setdefault(part.label, []).append((index, part.ml))
    found = []
    for label, rows in volumes.items():
        if len(rows) < FEWEST:
            continue
        logs = np.log([ml for _, ml in rows])
        middle = float(np.median(logs))
        spread = max(1.4826 * float(np.median(np.abs(logs - middle))), FLATTEST)
        for (index, ml), score in zip(rows, np.abs(logs - middle) / spread, strict=True):
            if score > FARTHEST:
                middle_ml, other = float(np.exp(middle)), "less" if ml > np.exp(middle) else "more"
                said = f"'{label}' has {in_ml(ml)}; half of all have {other} than {in_ml(middle_ml)}."
                found.append((index, Concern(20 + float(min(score, 50)), said)))
    return found
