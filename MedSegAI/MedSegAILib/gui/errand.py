"""One function of MedSegAICore, run in a process of its own while the application goes on."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import MedSegAICore
import qt
from MedSegAICore.engine.errand import START, read_answer, read_progress
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.errors import Cancelled, EngineFault, EngineUnavailable, MedSegAIError
from slicer.i18n import tr as _

from .engine_process import CANCEL_INTERVAL, enginePython
from .event_loop import later

PACKAGES = Path(MedSegAICore.__file__).parents[1]
KILL_PATIENCE = 1000
"""How long a process that was told to end is waited for [ms]."""
CANCEL_PATIENCE = 1000
"""How long a cancelled function may go on before its process is killed [ms]."""

OnProgress = Callable[[float, str], object]


class Errand:
    """A call of `module:function` with plain arguments; it ends exactly once, with `onResult` or `onError`.

    Parameters
    ----------
    function, arguments
        What to call; arguments and what comes back are what JSON can say.
    onResult, onError
        Called from the event loop with what the function has returned, or with a `MedSegAIError`.
    onProgress
        Called from the event loop with a fraction [0, 1] and a few words, if the function tells any.
    """

    def __init__(
        self,
        function: str,
        arguments: dict,
        onResult: Callable[[object], object],
        onError: Callable[[MedSegAIError], object],
        onProgress: OnProgress = lambda _fraction, _words: None,
    ) -> None:
        self._onResult, self._onError, self._onProgress = onResult, onError, onProgress
        self._line, self._answer = b"", b""
        self._isCancelled = False
        self.isRunning = True
        application = qt.QCoreApplication.instance()
        self._process = qt.QProcess(application)  # with its parent, it ends with the application
        self._process.connect("readyReadStandardOutput()", self._read)
        self._process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        self._process.connect("errorOccurred(QProcess::ProcessError)", self._failed)
        command = ["-c", START, str(PACKAGES), function, json.dumps(arguments)]
        self._process.start(enginePython(), command)

    def cancel(self, patience: int = CANCEL_PATIENCE) -> None:
        """Ask the function to stop; it ends with `Cancelled`, or after `patience` [ms] with its process."""
        if self.isRunning:
            self._isCancelled = True
            self._process.closeWriteChannel()
            later(patience, lambda: self._process.kill() if self.isRunning else None)

    def stop(self) -> None:
        """End the process; nothing is called any more."""
        self.isRunning = False
        self._process.closeWriteChannel()  # the process that Qt knows may be a launcher; this reaches the other one
        self._process.kill()
        self._process.waitForFinished(KILL_PATIENCE)

    def _read(self) -> None:
        *lines, self._line = (self._line + self._process.readAllStandardOutput().data()).split(b"\n")
        for line in lines:
            progress = read_progress(line)
            if progress is None:
                self._answer = line
            elif self.isRunning and not self._isCancelled:
                self._onProgress(*progress)

    def _finished(self, _code: int, _status: object) -> None:
        self._read()
        log = self._process.readAllStandardError().data().decode(errors="replace").strip()
        self._process.deleteLater()
        if not self.isRunning:
            return
        self.isRunning = False
        if log:
            logging.info(log)
        try:
            result = read_answer(self._answer)
        except MedSegAIError as error:
            wasKilled = self._isCancelled and isinstance(error, EngineFault)
            self._onError(Cancelled(_("It was cancelled.")) if wasKilled else error)
        else:
            self._onResult(result)

    def _failed(self, error: object) -> None:
        if error == qt.QProcess.FailedToStart:  # all other errors are followed by the end of the process
            self.isRunning = False
            unavailable = EngineUnavailable(
                _("The program {program} cannot be started.").format(program=enginePython())
            )
            later(0, lambda: self._onError(unavailable))  # on some systems this comes from inside `start`


def errandAndWait(
    function: str, arguments: dict, progress: OnProgress | None = None, cancel: CancelToken | None = None
) -> object:
    """Return what the function returns, or raise its error, for the console; the application stays responsive."""
    loop, outcome, timer = qt.QEventLoop(), [], qt.QTimer()

    def end(value: object) -> None:
        outcome.append(value)
        loop.quit()

    errand = Errand(function, arguments, end, end, progress or (lambda *_words: None))
    if cancel is not None:
        timer.connect("timeout()", lambda: errand.cancel() if cancel.is_cancelled else None)
        timer.start(CANCEL_INTERVAL)
    loop.exec_()
    timer.stop()
    if not outcome:
        message = _("The application is closing.")
        raise Cancelled(message)
    if isinstance(outcome[0], MedSegAIError):
        raise outcome[0]
    return outcome[0]
