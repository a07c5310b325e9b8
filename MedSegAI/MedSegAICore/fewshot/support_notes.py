"""What is kept beside a support model: how its structures look, and which images they were learned from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..segment_look import SegmentLook

ENDING = ".segments.json"
"""What the name of the notes has in place of the ending of the support model."""


@dataclass(frozen=True)
class SupportNotes:
    """Notes about a support model.

    Parameters
    ----------
    looks
        Name of a structure -> `SegmentLook`.
    fingerprints
        Fingerprints of the images that it was learned from; they tell nothing about a person.
    """

    looks: Mapping[str, SegmentLook] = field(default_factory=dict)
    fingerprints: tuple[str, ...] = ()


def notes_file(model: Path | str) -> Path:
    """Return the file of the notes about a support model."""
    return Path(model).with_suffix(ENDING)


def write_notes(model: Path | str, notes: SupportNotes) -> None:
    """Write the notes about a support model; they appear whole or not at all.

    Raises
    ------
    InvalidRequest
        The file cannot be written.
    """
    from ..command_line import write_text  # opens SimpleITK: only where needed

    looks = {label: look.to_dict() for label, look in notes.looks.items()}
    write_text(notes_file(model), json.dumps({"looks": looks, "fingerprints": list(notes.fingerprints)}, indent=1))


def read_notes(model: Path | str) -> SupportNotes:
    """Return the notes about a support model; empty ones if there are none, or none that can be read."""
    try:
        values = json.loads(notes_file(model).read_text(encoding="utf-8"))
        looks = {label: SegmentLook.from_dict(look) for label, look in values["looks"].items()}
        return SupportNotes(looks, tuple(str(fingerprint) for fingerprint in values["fingerprints"]))
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return SupportNotes()
