"""Support models as files of this user: where they lie, and what Slicer keeps beside them.

That is how the structures look, and which images they were learned from.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from MedSegAICore.errors import InvalidRequest
from MedSegAICore.models.weights import user_data_folder

from .segments import SegmentLook
from .translation import tr as _

SUFFIX = ".safetensors"
"""How the name of a support model ends."""

LONGEST_NAME = 60
"""Most characters that structures may have in the name of a file."""

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


def modelsFolder():
    """Return the folder of what this user's examples have taught."""
    return user_data_folder() / "support_models"


def keptModels():
    """Return the support models in that folder, the newest first."""
    return sorted(modelsFolder().glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_mtime, reverse=True)


def newModelFile(labels):
    """Return a file for what is learned now: named after the structures and the time, not after the examples."""
    names = re.sub(r"[^\w ,+-]+", "_", ", ".join(labels))[:LONGEST_NAME].strip()
    start = f"{names} {time.strftime('%Y-%m-%d %H.%M.%S')}"
    files = (modelsFolder() / f"{start}{again}{SUFFIX}" for again in ("", *(f" ({n})" for n in range(2, 1000))))
    return next(file for file in files if not file.exists())


def notesFile(model):
    """Return the file of the notes about a support model."""
    return Path(model).with_suffix(ENDING)


def writeNotes(model, notes):
    """Write the notes about a support model."""
    looks = {label: asdict(look) for label, look in notes.looks.items()}
    text = json.dumps({"looks": looks, "fingerprints": list(notes.fingerprints)}, indent=1)
    _guarded(model, lambda: notesFile(model).write_text(text, encoding="utf-8"))


def readNotes(model):
    """Return the notes about a support model; empty ones if there are none, or none that can be read."""
    try:
        values = json.loads(notesFile(model).read_text(encoding="utf-8"))
        looks = {label: _look(look) for label, look in values["looks"].items()}
        return SupportNotes(looks, tuple(str(fingerprint) for fingerprint in values["fingerprints"]))
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return SupportNotes()


def copyModel(model, target):
    """Copy a support model with its notes.

    Raises
    ------
    InvalidRequest
        The target cannot be written.
    """
    _guarded(target, lambda: shutil.copyfile(model, target))
    if notesFile(model).is_file():
        _guarded(target, lambda: shutil.copyfile(notesFile(model), notesFile(target)))


def _look(values):
    red, green, blue = (min(max(float(part), 0.0), 1.0) for part in values["color"])
    return SegmentLook((red, green, blue), str(values["terminology"]))


def _guarded(file, write):
    try:
        write()
    except (OSError, shutil.SameFileError) as error:
        message = _("'{file}' cannot be written ({reason}).").format(
            file=Path(file).name, reason=error.strerror or error
        )
        raise InvalidRequest(message, _("Choose another folder or file name.")) from error
