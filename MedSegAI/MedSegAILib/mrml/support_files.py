"""Support models as files of this user: where they lie, and what Slicer keeps beside them.

That is how the structures look, and which images they were learned from.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from MedSegAICore.errors import InvalidRequest
from MedSegAICore.fewshot.support_notes import notes_file
from MedSegAICore.models.weights import user_data_folder

from .translation import tr as _

SUFFIX = ".safetensors"
"""How the name of a support model ends."""

LONGEST_NAME = 60
"""Most characters that structures may have in the name of a file."""


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


def copyModel(model, target):
    """Copy a support model with its notes.

    Raises
    ------
    InvalidRequest
        The target cannot be written.
    """
    _guarded(target, lambda: shutil.copyfile(model, target))
    if notes_file(model).is_file():
        _guarded(target, lambda: shutil.copyfile(notes_file(model), notes_file(target)))


def _guarded(file, write):
    try:
        write()
    except (OSError, shutil.SameFileError) as error:
        message = _("'{file}' cannot be written ({reason}).").format(
            file=Path(file).name, reason=error.strerror or error
        )
        raise InvalidRequest(message, _("Choose another folder or file name.")) from error
