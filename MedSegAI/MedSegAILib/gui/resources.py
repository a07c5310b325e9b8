"""Where icons, forms and other files under Resources/ lie: in the source tree and once installed."""

from __future__ import annotations

from pathlib import Path

import qt


def resourcePath(name: str) -> str:
    """Return the path of a file under Resources/, for example `Icons/MedSegAI.png`.

    Raises
    ------
    FileNotFoundError
        There is no such file; the installation is not complete.
    """
    # In the source tree Resources/ lies beside the folder of the packages, once installed beside the packages.
    for parent in Path(__file__).resolve().parents[2:4]:
        path = parent / "Resources" / name
        if path.is_file():
            return str(path)
    message = f"The file Resources/{name} of MedSegAI is missing. Install MedSegAI again."
    raise FileNotFoundError(message)


def icon(name: str) -> qt.QIcon:
    """Return the icon `Icons/NAME.png`."""
    return qt.QIcon(resourcePath(f"Icons/{name}.png"))
