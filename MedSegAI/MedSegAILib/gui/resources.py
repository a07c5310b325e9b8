"""Icons, forms and other files under Resources/."""

from __future__ import annotations

from pathlib import PurePosixPath

import qt
from MedSegAICore.resources import resource_folder
from slicer.i18n import tr as _


def resourcePath(name: str) -> str:
    """Return the path of a file under Resources/, for example `Icons/MedSegAI.png`.

    Raises
    ------
    FileNotFoundError
        There is no such file; the installation is not complete.
    """
    place = PurePosixPath(name)
    path = resource_folder(str(place.parent)) / place.name
    if path.is_file():
        return str(path)
    message = _("The file Resources/{name} of MedSegAI is missing. Install MedSegAI again.").format(name=name)
    raise FileNotFoundError(message)


def icon(name: str) -> qt.QIcon:
    """Return the icon `Icons/NAME.png`."""
    return qt.QIcon(resourcePath(f"Icons/{name}.png"))
