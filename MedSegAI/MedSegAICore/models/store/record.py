"""What was seen of a checkpoint when it came, so that a swapped or damaged file is noticed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from ...disk import move_into_place
from .layout import Layout

Signature = tuple[int, int, int, int]
"""Size [bytes], times of the last change of content and of state [ns], number on the disk."""


@dataclass(frozen=True)
class FileRecord:
    """What was seen of a checkpoint.

    Parameters
    ----------
    sha256, size_bytes
        Its content.
    source
        Where it came from, in a few words.
    added, verified
        When it came, and when its content was last read and found to be this (ISO 8601, UTC).
    signature
        What the disk said about the file then. As long as it says the same, the content is taken to be the same:
        the time of the last change of state cannot be set by programs on Linux and macOS.
    """

    sha256: str
    size_bytes: int
    source: str
    added: str
    verified: str
    signature: Signature


def signature_of(file: Path) -> Signature:
    """Return what the disk says about a file."""
    status = file.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def new_record(file: Path, sha256: str, source: str, earlier: FileRecord | None = None) -> FileRecord:
    """Return the record of a file whose content was just read; `earlier` says where the same content came from."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    if earlier is not None and earlier.sha256 == sha256:
        source, added = earlier.source, earlier.added
    else:
        added = now
    signature = signature_of(file)
    return FileRecord(sha256, signature[0], source, added, now, signature)


def read_record(place: Layout) -> FileRecord | None:
    """Return the record of a checkpoint; one that cannot be read counts as none."""
    try:
        values = json.loads(place.record.read_text(encoding="utf-8"))
        size, changed, touched, number = map(int, values.pop("signature"))
        return FileRecord(**values, signature=(size, changed, touched, number))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_record(place: Layout, record: FileRecord) -> None:
    """Keep the record of a checkpoint."""
    place.record.parent.mkdir(parents=True, exist_ok=True)
    draft = place.record.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    move_into_place(draft, place.record)
