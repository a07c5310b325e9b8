"""Qt's event loop as Slicer's desktop runs it: it keeps Python's lock while it waits.

PySide6 lets other Python threads run while it waits for events; PythonQt does not, so a thread that works here would
starve in Slicer. The waiting functions of Qt are therefore called past PySide6, through their exported C++ symbols,
by the one way of ctypes that keeps the lock (Linux only).
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import PySide6
import shiboken6
from PySide6 import QtCore, QtWidgets

LIBRARIES = Path(PySide6.__file__).parent / "Qt" / "lib"
CORE, WIDGETS = (ctypes.PyDLL(str(LIBRARIES / f"libQt6{name}.so.6")) for name in ("Core", "Widgets"))
ALL_EVENTS = 0


def process_events(*_flags) -> None:
    """Handle what has happened, and return."""
    CORE._ZN16QCoreApplication13processEventsE6QFlagsIN10QEventLoop17ProcessEventsFlagEE(ctypes.c_int(ALL_EVENTS))


def keep_the_lock() -> None:
    """Let the waiting methods of Qt's classes keep Python's lock, under both names that PythonQt gives them."""
    run_loop = CORE._ZN10QEventLoop4execE6QFlagsINS_17ProcessEventsFlagEE
    run_dialog = WIDGETS._ZN7QDialog4execEv
    for kind, run in (
        (QtCore.QEventLoop, lambda self: run_loop(_address(self), ctypes.c_int(ALL_EVENTS))),
        (QtWidgets.QDialog, lambda self: run_dialog(_address(self))),
    ):
        kind.exec = kind.exec_ = run
    QtCore.QCoreApplication.processEvents = staticmethod(process_events)


def _address(thing: QtCore.QObject) -> ctypes.c_void_p:
    return ctypes.c_void_p(shiboken6.getCppPointer(thing)[0])
