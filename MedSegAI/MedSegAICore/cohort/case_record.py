"""What is kept of a case: the provenance of its results, or why it failed. Neither names people or files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..command_line import write_text
from ..errors import MedSegAIError, RecordsDamaged, error_from_message
from ..fields import Fields
from .case_inputs import InputDigest

VERSION = 1
RECORD, FAILURE = ".provenance.json", ".failure.json"


@dataclass(frozen=True)
class StructureRecord:
    """What was found of one structure.

    Parameters
    ----------
    label, value
        Its name, and its value in label maps.
    voxels, ml
        How much was found, the volume in ml.
    quality
        What its model thinks of it, 0 to 1: for examples, the Dice to be expected; None if it does not say.
    """

    label: str
    value: int
    voxels: int
    ml: float
    quality: float | None


@dataclass(frozen=True)
class CaseRecord:
    """How the results of a case came about.

    Parameters
    ----------
    key
        Hash of all that the results depend on: while it is the same, nothing is done again.
    inputs
        Digests of the case's files.
    recipe_sha256, model, model_sha256
        What was done, by which model, with which weights ("" if it has none).
    versions, device, threads
        Where and with what it ran.
    seconds, total_seconds
        Time that segmenting took, and the whole case with reading and writing [s].
    warnings
        What the user should know.
    structures
        What was found.
    outputs
        sha256 by the ending of every file that was written.
    """

    key: str
    inputs: tuple[InputDigest, ...]
    recipe_sha256: str
    model: str
    model_sha256: str
    versions: dict[str, str]
    device: str
    threads: int
    seconds: float
    total_seconds: float
    warnings: tuple[str, ...]
    structures: tuple[StructureRecord, ...]
    outputs: dict[str, str]


@dataclass(frozen=True)
class CaseFailure:
    """Why a case has no results.

    Parameters
    ----------
    key
        As in `CaseRecord`: while it is the same, the case is not tried again unless that is asked for.
    tries
        How often it was tried.
    error
        Name, message and advice of the error, as `error_to_message` gives them.
    """

    key: str
    tries: int
    error: dict[str, str]

    def as_error(self) -> MedSegAIError:
        """Return the error."""
        return error_from_message(self.error)


def record_text(record: CaseRecord) -> str:
    """Return the provenance as JSON text."""
    return json.dumps({"version": VERSION, **asdict(record)}, indent=1, allow_nan=False) + "\n"


def read_record(file: Path) -> CaseRecord | None:
    """Return the provenance in a file; None if there is none that can be read, so that the case is done again."""
    try:
        fields = Fields(json.loads(file.read_text(encoding="utf-8")), "provenance", RecordsDamaged)
        return _record(fields) if fields.whole_number("version") == VERSION else None
    except (OSError, ValueError, RecursionError, RecordsDamaged):
        return None


def write_failure(file: Path, failure: CaseFailure) -> None:
    """Write why a case failed; raises `InvalidRequest` if the file cannot be written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps({"version": VERSION, **asdict(failure)}, indent=1) + "\n")


def read_failure(file: Path) -> CaseFailure | None:
    """Return why a case failed; None if there is no such file that can be read."""
    try:
        fields = Fields(json.loads(file.read_text(encoding="utf-8")), "failure", RecordsDamaged)
        return CaseFailure(fields.text("key"), fields.whole_number("tries"), fields.texts("error"))
    except (OSError, ValueError, RecursionError, RecordsDamaged):
        return None


def _record(fields: Fields) -> CaseRecord:
    rows = fields.value("inputs")
    warnings = fields.value("warnings")
    is_texts = isinstance(rows, list) and isinstance(warnings, list) and all(isinstance(row, list) for row in rows)
    if not is_texts or not all(len(row) == 3 for row in rows):
        fields.refuse("inputs", "must be a list of texts")
    return CaseRecord(
        key=fields.text("key"),
        inputs=tuple(InputDigest(*map(str, row)) for row in rows),
        recipe_sha256=fields.text("recipe_sha256"),
        model=fields.text("model"),
        model_sha256=fields.text("model_sha256", allow_empty=True),
        versions=fields.texts("versions"),
        device=fields.text("device"),
        threads=fields.whole_number("threads"),
        seconds=fields.number("seconds"),
        total_seconds=fields.number("total_seconds"),
        warnings=tuple(map(str, warnings)),
        structures=tuple(map(_structure, fields.parts("structures"))),
        outputs=fields.texts("outputs"),
    )


def _structure(fields: Fields) -> StructureRecord:
    return StructureRecord(
        fields.text("label"),
        fields.whole_number("value"),
        fields.whole_number("voxels"),
        fields.number("ml"),
        fields.optional("quality", fields.number),
    )
