"""Small helpers around Qt's event loop."""

from __future__ import annotations

from collections.abc import Callable

import qt


def later(milliseconds: int, action: Callable[[], object]) -> None:
    """Call `action` once, from the event loop, after `milliseconds`."""
    timer = qt.QTimer(qt.QCoreApplication.instance())  # PythonQt deletes a timer without parent and reference
    timer.setSingleShot(True)  # `timer.singleShot = True` fails in PythonQt: a function hides the property

    def fire():
        timer.deleteLater()
        action()

    timer.connect("timeout()", fire)
    timer.start(milliseconds)
