"""One life of the engine process, as the application sees it: its pipes, its number, its end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

import qt
from MedSegAICore.engine.frames import Frame, FrameReader, encode_frame
from MedSegAICore.errors import EngineFault, EngineLost, EngineUnavailable, MedSegAIError
from slicer.i18n import tr as _

from .event_loop import later


class LogTail:
    """The last characters of what the engine process has said on its error output."""

    def __init__(self, limit: int = 1 << 16) -> None:
        self._limit = limit
        self.text = ""

    def append(self, text: str) -> None:
        self.text = (self.text + text)[-self._limit :]

    @property
    def lastLine(self) -> str:
        lines = self.text.strip().splitlines()
        return lines[-1] if lines else ""


class EngineConnection:
    """Starts an engine process and exchanges frames with it, without threads.

    Parameters
    ----------
    command
        Program and its arguments.
    parent
        The application object; ending it ends the process.
    log
        Where the error output goes.
    onFrame
        Called with every frame.
    onEnd
        Called once with a named error if the process ends without being asked to.
    """

    def __init__(
        self,
        command: list[str],
        parent: object,
        log: LogTail,
        onFrame: Callable[[Frame], None],
        onEnd: Callable[[MedSegAIError], None],
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="MedSegAI-"))
        self.isOpen = True
        self._command, self._log, self._onFrame, self._onEnd = command, log, onFrame, onEnd
        self._pid = 0  # of the interpreter; the process that Qt knows may be a launcher
        self._reader, self._frames = FrameReader(), deque()
        self._process = qt.QProcess(parent)
        self._process.connect("readyReadStandardOutput()", self._read)
        self._process.connect("readyReadStandardError()", self._readLog)
        self._process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        self._process.connect("errorOccurred(QProcess::ProcessError)", self._failed)

    def start(self) -> None:
        self._process.start(self._command[0], self._command[1:])

    def send(self, frame: Frame) -> None:
        data = encode_frame(frame)
        if self.isOpen:
            self._process.write(qt.QByteArray(data))  # PythonQt sends the repr of other binary types

    def close(self, milliseconds: int) -> None:
        """Ask the process to end and wait for it; end it after `milliseconds`."""
        self.isOpen = False
        self._process.closeWriteChannel()
        if not self._process.waitForFinished(milliseconds):
            self.kill()
            self._process.waitForFinished(milliseconds)

    def kill(self) -> None:
        """End the process at once; nothing that it still says is heard."""
        self.isOpen = False
        if self._pid:
            # The interpreter first: ending its launcher would leave it running if it hangs in native code. While
            # the launcher lives the number cannot belong to another process yet.
            with contextlib.suppress(OSError):
                os.kill(self._pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process.kill()

    def _read(self) -> None:
        data = self._process.readAllStandardOutput().data()
        if not self.isOpen:
            return
        try:
            self._frames.extend(self._reader.feed(data))
        except EngineFault as error:
            self._log.append(f"\n{error}\n")
            self.kill()
            self._onEnd(EngineLost(_("The engine process sent something that is not a message.")))
            return
        self._deliver()

    def _deliver(self) -> None:
        while self._frames and self.isOpen:
            frame = self._frames.popleft()
            if self._frames:
                later(0, self._deliver)  # what is called next may wait in an event loop of its own for these
            if frame.header.get("type") == "hello":
                self._pid = frame.header["pid"]
            self._onFrame(frame)

    def _readLog(self) -> None:
        self._log.append(self._process.readAllStandardError().data().decode(errors="replace"))

    def _finished(self, code: int, _status: object) -> None:
        # the status is not to be trusted: a launcher ends normally after a crash of its interpreter
        self._readLog()
        self._read()
        if self._pid:
            error = EngineLost(_("The engine process ended unexpectedly (code {code}).").format(code=code))
        else:
            message = _("The engine process ended while it started: {reason}").format(reason=self._log.lastLine)
            error = EngineUnavailable(message)
        self._ended(error)

    def _failed(self, error: object) -> None:
        if error == qt.QProcess.FailedToStart:  # all other errors are followed by the end of the process
            # later: on some systems this comes from inside `start`
            message = _("The program {program} cannot be started.").format(program=self._command[0])
            later(0, lambda: self._ended(EngineUnavailable(message)))

    def _ended(self, error: MedSegAIError) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._process.deleteLater()
        if self.isOpen:
            self.isOpen = False
            self._onEnd(error)
