"""Records of an evaluation in a file that a killed run can go on from.

The first line of the file holds the settings of the run, every other line one record. A line is on the disk before the
next question is put; one that was cut off by a kill is recognised and its question put again.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import RecordsDamaged, SettingsDiffer
from .work import CaseRecord, WorkItem

FORMAT = "MedSegAI records 1"


class RecordFile:
    """The records of one run, appended one by one.

    Parameters
    ----------
    path
        The file; it is made if it does not exist. One process writes to it at a time.
    settings
        Everything that the values depend on, as JSON can hold it: protocol, seed, methods, data sets.

    Raises
    ------
    SettingsDiffer
        The file belongs to a run with other settings.
    RecordsDamaged
        A line before the last one cannot be read.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._path = path
        self._records: list[CaseRecord] = []
        wanted = json.loads(json.dumps(dict(settings)))  # as it comes back from a file: tuples are lists
        lines = _whole_lines(path)
        if lines:
            _check_settings(path, lines[0], wanted)
            self._records = [record_from_dict(values) for values in lines[1:]]
        else:
            self._write_line({"format": FORMAT, "settings": wanted})

    @property
    def records(self) -> tuple[CaseRecord, ...]:
        """All records of the file, in the order in which they were made."""
        return tuple(self._records)

    def append(self, record: CaseRecord) -> None:
        """Add a record; it is on the disk when this returns."""
        self._write_line(record_to_dict(record))
        self._records.append(record)

    def _write_line(self, values: Mapping[str, Any]) -> None:
        with self._path.open("ab") as stream:
            stream.write(json.dumps(values, allow_nan=False).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())


def record_to_dict(record: CaseRecord) -> dict[str, Any]:
    """Return a record as JSON can hold it."""
    item = record.item
    return {
        "dataset": item.dataset,
        "subject": item.subject,
        "label": item.label,
        "variant": item.variant,
        "condition": item.condition,
        "method": record.method,
        "values": {name: _number_to_json(value) for name, value in record.values.items()},
        "seconds": _number_to_json(record.seconds),
        "peak_memory_mb": _number_to_json(record.peak_memory_mb),
        "failure": record.failure,
    }


def record_from_dict(fields: Mapping[str, Any]) -> CaseRecord:
    """Return the record that `record_to_dict` described.

    Raises
    ------
    RecordsDamaged
        A field is missing or has another type.
    """
    try:
        item = WorkItem(*(str(fields[name]) for name in ("dataset", "subject", "label", "variant", "condition")))
        values = {str(name): float(value) for name, value in fields["values"].items()}
        seconds, memory = float(fields["seconds"]), float(fields["peak_memory_mb"])
        return CaseRecord(item, str(fields["method"]), values, seconds, memory, str(fields["failure"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"A record of an evaluation is not complete ({error})."
        raise RecordsDamaged(message) from error


def _number_to_json(value: float) -> float | str:
    """Return a number, or the name of one that JSON cannot hold; `float` takes both back."""
    return float(value) if math.isfinite(value) else str(float(value))


def _whole_lines(path: Path) -> list[Any]:
    """Return what the whole lines hold; the rest of a line that was cut off is removed from the file."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.splitlines(keepends=True)
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                message = f"Line {number} of '{path}' cannot be read."
                raise RecordsDamaged(message) from error
            whole = whole[: -len(line)]  # a disk that lost its power can leave a last line without its content
    if len(whole) < len(content):
        with path.open("r+b") as stream:
            stream.truncate(len(whole))
            os.fsync(stream.fileno())
    return found


def _check_settings(path: Path, header: Any, wanted: Mapping[str, Any]) -> None:
    if not isinstance(header, dict) or header.get("format") != FORMAT or not isinstance(header.get("settings"), dict):
        message = f"'{path}' does not hold records of an evaluation."
        raise RecordsDamaged(message)
    present = header["settings"]
    for name in sorted({*present, *wanted}):
        if present.get(name) != wanted.get(name):
            message = f"'{path}' belongs to a run with another {name}: {present.get(name)}, not {wanted.get(name)}."
            raise SettingsDiffer(message)
