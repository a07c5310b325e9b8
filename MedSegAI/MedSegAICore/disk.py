"""Files that survive a power cut: whole and in place, or not there."""

from __future__ import annotations

import os
from pathlib import Path


def to_disk(file: Path) -> None:
    """Wait until what was written to a file is on the disk."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def move_into_place(source: Path, target: Path) -> None:
    """Give a finished file its name in one step that survives a power cut."""
    to_disk(source)
    os.replace(source, target)  # noqa: PTH105  the call whose promise to be atomic counts here
    if os.name == "nt":  # folders cannot be opened there
        return
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
