"""The files to compute with: one line for each case, and everything for the next comparison."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import RecordsDamaged
from ..records import record_from_dict, record_to_dict
from ..work import Quantity
from .comparison import Compared
from .evaluation import Evaluation
from .summary import summarize

FORMAT = "MedSegAI evaluation 1"


def write_cases(path: Path, evaluation: Evaluation) -> None:
    """Write every case of every method as comma-separated values."""
    names = [quantity.name for quantity in evaluation.quantities]
    where = ["method", "dataset", "subject", "label", "variant", "condition"]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*where, *names, "seconds", "peak_memory_mb", "failure"])
        for record in evaluation.records:
            item = record.item
            found = [record.values.get(name, math.nan) for name in names]
            numbers = [_cell(value) for value in (*found, record.seconds, record.peak_memory_mb)]
            texts = (record.method, item.dataset, item.subject, item.label, item.variant, item.condition)
            writer.writerow([*texts, *numbers, record.failure])


def results_text(evaluation: Evaluation, compared: Sequence[Compared]) -> str:
    """Return everything as JSON, from which `read_results` makes the evaluation again."""
    values = {
        "format": FORMAT,
        "protocol": evaluation.protocol,
        "seed": evaluation.seed,
        "settings": dict(evaluation.settings),
        "environment": dict(evaluation.environment),
        "quantities": [asdict(quantity) for quantity in evaluation.quantities],
        "summary": [asdict(row) for row in summarize(evaluation)],
        "differences": [asdict(row) for row in compared],
        "records": [record_to_dict(record) for record in evaluation.records],
    }
    return json.dumps(_without_nan(values), indent=1, allow_nan=False) + "\n"


def read_results(path: Path) -> Evaluation:
    """Return the evaluation of an earlier run.

    Raises
    ------
    RecordsDamaged
        The file cannot be read or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            message = f"'{path}' is of another version of MedSegAI ({values['format']})."
            raise RecordsDamaged(message)
        return Evaluation(
            protocol=str(values["protocol"]),
            seed=int(values["seed"]),
            settings=values["settings"],
            environment=values["environment"],
            quantities=tuple(Quantity(**quantity) for quantity in values["quantities"]),
            records=tuple(record_from_dict(record) for record in values["records"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"'{path}' does not hold the results of an evaluation."
        raise RecordsDamaged(message) from error


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _without_nan(value: Any) -> Any:
    """Return the same values with None for every number that JSON has no word for."""
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
