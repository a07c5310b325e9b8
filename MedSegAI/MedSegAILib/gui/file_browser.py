"""The computer's file browser."""

from __future__ import annotations

from pathlib import Path

import qt


def showFolder(folder: Path) -> None:
    """Open a folder in the file browser, or the next one above that is there."""
    place = next(place for place in (folder, *folder.parents) if place.is_dir())
    qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(place)))
