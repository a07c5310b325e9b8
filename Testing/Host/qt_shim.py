"""PySide6 as Slicer's `qt` module: one flat list of names, with the manners of PythonQt."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from Host import event_loop, immortals, pythonqt
from PySide6 import QtCore, QtGui, QtWidgets

immortals.keep_immortals()
for _module in (QtCore, QtGui, QtWidgets):
    globals().update(pythonqt.present(_module))
event_loop.keep_the_lock()


class QProcess(QtCore.QProcess):
    """A process that refuses what PythonQt would write wrongly."""

    def write(self, data: QtCore.QByteArray) -> int:
        if not isinstance(data, QtCore.QByteArray):
            message = f"PythonQt would write the repr of a {type(data).__name__}, or stop at its first NUL."
            raise TypeError(message)
        return super().write(data)


class QInputDialog(QtWidgets.QInputDialog):
    """A dialog whose questions are answered by the choice alone, also if it was cancelled."""

    @staticmethod
    def getItem(*arguments) -> str:
        return QtWidgets.QInputDialog.getItem(*arguments)[0]


class QFileDialog(QtWidgets.QFileDialog):
    """A dialog whose questions are answered by a path alone, without the filter."""

    @staticmethod
    def getOpenFileName(*arguments) -> str:
        return QtWidgets.QFileDialog.getOpenFileName(*arguments)[0]

    @staticmethod
    def getSaveFileName(*arguments) -> str:
        return QtWidgets.QFileDialog.getSaveFileName(*arguments)[0]
