"""Where the project's own descriptions lie: in the source tree and once installed."""

from __future__ import annotations

from pathlib import Path

from .errors import InvalidCatalogue


def resource_folder(name: str) -> Path:
    """Return the folder `name` under Resources/.

    Raises
    ------
    InvalidCatalogue
        There is no such folder; the installation is not complete.
    """
    # In the source tree Resources/ lies beside the folder of the packages, in Slicer beside the packages, and in a
    # wheel in this one.
    for parent in Path(__file__).resolve().parents[:3]:
        folder = parent / "Resources" / name
        if folder.is_dir():
            return folder
    message = f"The folder Resources/{name} of MedSegAI is missing."
    raise InvalidCatalogue(message, "Install MedSegAI again.")
