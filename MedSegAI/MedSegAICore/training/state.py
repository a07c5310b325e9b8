"""What a training needs to go on where it stopped, in one file that is written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..disk import move_into_place
from ..errors import WeightsMismatch

_VERSION = 1


def save_state(path: Path, settings: dict[str, Any], step: int, parts: dict[str, Any]) -> None:
    """Write the state after `step` steps; an older file stays until the new one is complete.

    Parameters
    ----------
    path
        The file.
    settings
        What the training was asked for; only the same can go on from it.
    step
        Number of steps that are done.
    parts
        State dictionaries by name: tensors, numbers, text, lists and dictionaries of them.
    """
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("wb") as file:
        torch.save({"version": _VERSION, "settings": settings, "step": step, "parts": parts}, file)
    move_into_place(unfinished, path)


def load_state(path: Path, settings: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """Return the number of steps that are done and the parts, or None if there is no file.

    Raises
    ------
    WeightsMismatch
        The file was written by a training with other settings.
    """
    if not path.is_file():
        return None
    stored = torch.load(path, map_location="cpu", weights_only=True)
    if stored["version"] != _VERSION or stored["settings"] != settings:
        message = f"'{path.name}' belongs to a training with other settings."
        raise WeightsMismatch(message, "Choose another folder, or go on with the settings that it was begun with.")
    return int(stored["step"]), dict(stored["parts"])
