"""What the AI In-context effect asks in windows of their own."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _


def chooseLibrary(folder):
    """Ask for the folder of tasks; "" if the user thinks better of it."""
    return _folder(_("Choose the folder of your tasks"), folder)


def chooseShared():
    """Ask for a task that somebody has shared."""
    return _folder(_("Choose the folder of a shared task"), Path.home())


def chooseDestination():
    """Ask where a task is copied to."""
    return _folder(_("Choose a folder for the copy of the task"), Path.home())


def askTask(labels):
    """Ask for the name and the structures of a new task; ("", ()) if the user thinks better of it.

    Parameters
    ----------
    labels
        What the structures are likely to be.
    """
    title = _("New task")
    name = _text(title, _("Name of the task, such as 'Kidneys in MR'. Use no names of people."), "").strip()
    if not name:
        return "", ()
    said = _text(title, _("Structures, separated by commas. They are called like the segments."), ", ".join(labels))
    structures = tuple(part for part in map(str.strip, said.split(",")) if part)
    return (name, structures) if structures else ("", ())


def askName(name):
    """Ask for another name of a task; "" if the user thinks better of it, or leaves the name as it is."""
    said = _text(_("Rename task"), _("Name of the task. Use no names of people."), name).strip()
    return "" if said == name else said


def confirmRemoval(name, count):
    """Ask whether a task is to be removed from the disk."""
    text = _("Remove the task '{name}' with its {count} examples from the disk? This cannot be undone.")
    return slicer.util.confirmOkCancelDisplay(text.format(name=name, count=count))


def _folder(title, start):
    return qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title, str(start))


def _text(title, label, text):
    return str(qt.QInputDialog.getText(slicer.util.mainWindow(), title, label, qt.QLineEdit.Normal, text) or "")
