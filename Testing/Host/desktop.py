"""Slicer's desktop in a test: it is started, used by a driver, and ended."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from Host import qt_shim as qt
from Host.application import application
from Host.driver import Driver
from Host.scripted_effect import qSlicerSegmentEditorEffectFactory
from Host.scripted_modules import load_module
from Host.slicer_scene import SlicerHost


class Desktop(Driver):
    """One run of the application; `errors` holds what callbacks have raised: Slicer would print it and go on."""

    def __init__(self, host: SlicerHost) -> None:
        super().__init__()
        self.host, self.errors = host, []

    def start(self, folder: Path, modules: Iterable[Path] = ()) -> None:
        """Start the application.

        Parameters
        ----------
        folder
            Where settings go.
        modules
            Files of scripted modules to load.
        """
        application.attach(self.host)
        qt.QSettings.setDefaultFormat(qt.QSettings.IniFormat)
        qt.QSettings.setPath(qt.QSettings.IniFormat, qt.QSettings.UserScope, str(folder))
        for file in modules:
            load_module(file)
        application.startupCompleted.emit()

    def heard_error(self, _kind, error, _trace) -> None:
        self.errors.append(error)

    def quit(self) -> None:
        """End the application."""
        self.close_editors()
        qSlicerSegmentEditorEffectFactory.forget()
        application.layoutManager().host_close()
        self.host.close()
        application.processEvents()
