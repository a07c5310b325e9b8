"""One function of MedSegAICore, run in a process of its own while the application goes on."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import MedSegAICore
import qt
from MedSegAICore.engine.errand import START, read_answer
from MedSegAICore.errors import EngineUnavailable, MedSegAIError
from slicer.i18n import tr as _

from .engine_process import enginePython
from .event_loop import later

PACKAGES = Path(MedSegAICore.__file__).parents[1]
KILL_PATIENCE = 1000
"""How long a process that was told to end is waited for [ms]."""


class Errand:
    """A call of `module:function` with plain arguments; it ends exactly once, with `onResult` or `onError`.

    Parameters
    ----------
    function, arguments
        What to call; arguments and what comes back are what JSON can say.
    onResult, onError
        Called from the event loop with what the function has returned, or with a `MedSegAIError`.
    """

    def __init__(
        self,
        function: str,
        arguments: dict,
        onResult: Callable[[object], object],
        onError: Callable[[MedSegAIError], object],
    ) -> None:
        self._onResult, self._onError = onResult, onError
        self.isRunning = True
        application = qt.QCoreApplication.instance()
        self._process = qt.QProcess(application)  # with its parent, it ends with the application
        self._process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        self._process.connect("errorOccurred(QProcess::ProcessError)", self._failed)
        command = ["-c", START, str(PACKAGES), function, json.dumps(arguments)]
        self._process.start(enginePython(), command)

    def stop(self) -> None:
        """End the process; nothing is called any more."""
        self.isRunning = False
        self._process.kill()
        self._process.waitForFinished(KILL_PATIENCE)

    def _finished(self, _code: int, _status: object) -> None:
        answer = self._process.readAllStandardOutput().data()
        log = self._process.readAllStandardError().data().decode(errors="replace").strip()
        self._process.deleteLater()
        if not self.isRunning:
            return
        self.isRunning = False
        if log:
            logging.info(log)
        try:
            result = read_answer(answer)
        except MedSegAIError as error:
            self._onError(error)
        else:
            self._onResult(result)

    def _failed(self, error: object) -> None:
        if error == qt.QProcess.FailedToStart:  # all other errors are followed by the end of the process
            self.isRunning = False
            unavailable = EngineUnavailable(
                _("The program {program} cannot be started.").format(program=enginePython())
            )
            later(0, lambda: self._onError(unavailable))  # on some systems this comes from inside `start`
