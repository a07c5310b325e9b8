"""Where checkpoints lie on this computer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import InvalidCatalogue, WeightsMissing
from ..resources import resource_folder
from .catalogue import ModelSpec

FOLDER_VARIABLE = "MEDSEGAI_WEIGHTS"
"""Environment variable that names a folder of checkpoints."""


def find_weights(spec: ModelSpec) -> Path:
    """Return the checkpoint file of a model: in the folder of `MEDSEGAI_WEIGHTS`, the user's own, or as it was shipped.

    Raises
    ------
    WeightsMissing
        It is in none, and the message says where it should be; or the model has no checkpoint.
    """
    if spec.weights is None:
        message = f"The model '{spec.name}' needs no checkpoint."
        raise WeightsMissing(message, "Use it without one.")
    folders = weights_folders()
    for folder in folders:
        if (folder / spec.weights.filename).is_file():
            return folder / spec.weights.filename
    places = " or ".join(str(folder) for folder in folders)
    message = f"The checkpoint {spec.weights.filename} of the model '{spec.name}' is not in {places}."
    if spec.weights.url_is_page:
        advice = f"The page {spec.weights.url} says how to get it; then import it in the module MedSegAI."
    else:
        advice = f"Download it in the module MedSegAI, or with: python -m MedSegAICore.models download {spec.name}"
    raise WeightsMissing(message, advice)


def weights_folders() -> tuple[Path, ...]:
    """Return the folders that are searched, first to last; the last one comes with MedSegAI and is only read."""
    named = os.environ.get(FOLDER_VARIABLE, "")
    return (*((Path(named),) if named else ()), user_data_folder() / "weights", *shipped_folders())


def shipped_folders() -> tuple[Path, ...]:
    """Return the folder of the small checkpoints that come with MedSegAI, if there is one."""
    try:
        return (resource_folder("Weights"),)
    except InvalidCatalogue:
        return ()


def user_data_folder() -> Path:
    """Return the folder of what MedSegAI keeps for this user.

    It is the one that platformdirs would name; a few lines are less than a package that has to be there first.
    """
    return _data_folder() / "MedSegAI"


def _data_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
