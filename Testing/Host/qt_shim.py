"""PySide6 as Slicer's `qt` module: what MedSegAILib.gui uses, with the conventions of PythonQt.

Stricter than PythonQt where PythonQt goes wrong without a word: a signal that does not exist and bytes that are
not wrapped in a QByteArray are refused.
"""

from __future__ import annotations

import inspect
import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore
from PySide6.QtCore import QByteArray, QElapsedTimer

__all__ = ["QByteArray", "QCoreApplication", "QElapsedTimer", "QEventLoop", "QProcess", "QTimer"]


def connects_like_pythonqt(kind: type) -> type:
    """Let objects of `kind` connect signals by their C++ signature (PySide ignores a `connect` that is inherited)."""

    def connect(self, signature: str, action) -> bool:
        name, _, arguments = signature.partition("(")
        types = [part for part in arguments.rstrip(")").split(",") if part]
        signal = getattr(self, name)  # AttributeError: there is no such signal
        taken = min(len(types), _required_arguments(action))  # the rest is cut off
        signal.connect(lambda *values: action(*values[:taken]))
        return True

    kind.connect = connect
    return kind


def _required_arguments(action) -> int:
    """Count the arguments without default; PythonQt does not fill the others."""
    parameters = inspect.signature(action).parameters.values()
    return sum(parameter.default is parameter.empty for parameter in parameters)


@connects_like_pythonqt
class QCoreApplication(QtCore.QCoreApplication):
    @staticmethod
    def instance() -> QCoreApplication:
        return application


@connects_like_pythonqt
class QTimer(QtCore.QTimer):
    pass


@connects_like_pythonqt
class QEventLoop(QtCore.QEventLoop):
    def exec_(self) -> int:
        return self.exec()


@connects_like_pythonqt
class QProcess(QtCore.QProcess):
    def write(self, data: QByteArray) -> int:
        if not isinstance(data, QByteArray):
            message = f"PythonQt would write the repr of a {type(data).__name__}, or stop at its first NUL."
            raise TypeError(message)
        return super().write(data)


application = QCoreApplication([])
