"""The application's client of the engine process: one for all effects and modules.

No threads (they starve while Slicer's event loop is idle) and no network library: requests go to a child
process, answers come back as calls from the event loop.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import MedSegAICore.engine
import qt
from MedSegAICore.engine.cache import GIBIBYTE
from MedSegAICore.engine.frames import Frame
from MedSegAICore.engine.messages import (
    ask_memory_message,
    cancel_message,
    configure_message,
    load_message,
    look_message,
    read_preview_message,
)
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.engine.service import VOLUMES_LIMIT
from MedSegAICore.errors import Cancelled, EngineFault, EngineLost, InvalidRequest, MedSegAIError
from MedSegAICore.fewshot.fit import FitReport, FitRequest
from MedSegAICore.incontext.storing import StoreRequest
from MedSegAICore.request import SegmentationRequest
from MedSegAICore.result import SegmentationResult
from MedSegAICore.volume import ImageVolume
from slicer.i18n import tr as _

from .engine_connection import EngineConnection, LogTail
from .engine_questions import (
    FitQuestion,
    OnError,
    OnPreview,
    OnProgress,
    PredictQuestion,
    Question,
    SegmentQuestion,
    StoreQuestion,
    silent,
)
from .event_loop import later
from .volume_uploads import VolumeUploads

CHILD = Path(MedSegAICore.engine.__file__).parent / "child.py"
CANCEL_INTERVAL = 50
"""How often whoever waits looks at the cancel token [ms]."""
CANCEL_PATIENCE = 1500
"""How long a cancelled job may go on before the process is killed [ms]."""
PREVIEW_INTERVAL = 300
"""Time from seeing a preview to asking for the next one [ms]."""

OnResult = Callable[[SegmentationResult], object]
OnFitted = Callable[[FitReport], object]


def enginePython() -> str:
    """Return the interpreter for the engine process: Slicer's, or outside Slicer the running one."""
    return shutil.which("PythonSlicer") or sys.executable


class EngineProcess:
    """Runs requests in a child process, which is started when first used and again after it was lost.

    Every ticket ends exactly once, with `onResult` or `onError`. All calls come from the event loop, never
    from inside a method of this class; they may come while a dialog is open or after the scene has changed.
    A request makes older generations of the same segment stale: they end with `Cancelled`.

    Parameters
    ----------
    device, weights, cacheBytes
        As for `Engine`.
    command
        Program and arguments of the process; None takes the engine in Slicer's Python.
    """

    def __init__(
        self,
        device: str = "auto",
        weights: Mapping[str, Path] | None = None,
        command: list[str] | None = None,
        cacheBytes: int = GIBIBYTE,
    ) -> None:
        self._device, self._weights, self._cacheBytes = device, dict(weights or {}), cacheBytes
        self._command = command or [enginePython(), "-u", str(CHILD)]
        self._log = LogTail()
        self._connection: EngineConnection | None = None
        self._uploads: VolumeUploads | None = None
        self._questions: dict[int, Question] = {}
        self._hello: dict | None = None
        self._greetings: list[tuple[Callable[[dict], object], OnError]] = []
        self._memoryAnswers: list[Callable[[int, tuple[str, ...]], object]] = []
        self._cancelled: set[int] = set()  # tickets that the process was asked to stop and has not yet answered
        self._lastTicket = 0
        self._application = qt.QCoreApplication.instance()
        self._application.connect("aboutToQuit()", self.stop)

    @property
    def isRunning(self) -> bool:
        return self._connection is not None

    @property
    def hello(self) -> dict | None:
        """What the process has said when it started: its pid, versions and threads; None while it does not run."""
        return self._hello

    @property
    def log(self) -> str:
        """The last of what the process has printed."""
        return self._log.text

    def start(self, onReady: Callable[[dict], object] = silent, onError: OnError = silent) -> None:
        """Start the process ahead of its first use; `onReady` gets its pid, versions and threads."""
        if self._connection is not None and self._hello is not None:
            hello = self._hello
            later(0, lambda: self._call(onReady, hello))
            return
        self._greetings.append((onReady, onError))
        if self._connection is None:
            self._connect()

    def configure(self, device: str, weights: Mapping[str, Path], cacheBytes: int = GIBIBYTE) -> None:
        """Use another device, other checkpoints or another size of the cache from the next request on."""
        self._device, self._weights, self._cacheBytes = device, dict(weights), cacheBytes
        if self._connection is not None:
            self._sendSettings()

    def askMemory(self, onAnswer: Callable[[int, tuple[str, ...]], object], clear: bool = False) -> None:
        """Call `onAnswer` with the bytes of embeddings and the models that the process keeps.

        It answers between two jobs, with `clear` after it has forgotten them; a process that is not running does not
        answer.
        """
        if self._connection is not None:
            self._memoryAnswers.append(onAnswer)
            self._connection.send(ask_memory_message(clear))

    def prepare(self, image: ImageVolume, model: str) -> None:
        """Hand a volume over and load a model ahead of the first question, and start the process where needed.

        The application goes on meanwhile. What goes wrong is told to the first question.
        """
        if self._connection is None:
            self._connect()
        if self._connection.isOpen:
            self._connection.send(load_message(model))
            self._uploads.send(image, silent, silent)

    def segment(
        self,
        request: SegmentationRequest,
        onResult: OnResult,
        onError: OnError,
        onProgress: OnProgress = silent,
        onPreview: OnPreview | None = None,
    ) -> int:
        """Ask for a segmentation and return its ticket.

        Where a paradigm shows what becomes, `onPreview` sees it a few times a second until the ticket ends.
        """
        return self._put(SegmentQuestion(request, onResult, onError, onProgress, onPreview=onPreview))

    def predictSeconds(
        self, request: SegmentationRequest, onResult: Callable[[float], object], onError: OnError
    ) -> int:
        """Ask how long a request will take and return the ticket; `onResult` gets the time [s]."""
        return self._put(PredictQuestion(request, onResult, onError))

    def fit(self, request: FitRequest, onResult: OnFitted, onError: OnError, onProgress: OnProgress = silent) -> int:
        """Ask to learn from examples and return the ticket; `onResult` gets the `FitReport`."""
        return self._put(FitQuestion(request, onResult, onError, onProgress))

    def store(self, request: StoreRequest, onResult: Callable[[str], object], onError: OnError) -> int:
        """Ask to keep an example in a task and return the ticket; `onResult` gets its identifier."""
        return self._put(StoreQuestion(request, onResult, onError))

    def segmentAndWait(
        self, request: SegmentationRequest, onProgress: OnProgress = silent, cancel: CancelToken | None = None
    ) -> SegmentationResult:
        """Return the answer to `request`, for the console; the application stays responsive meanwhile."""
        return self._wait(lambda end: self.segment(request, end, end, onProgress), cancel)

    def fitAndWait(
        self, request: FitRequest, onProgress: OnProgress = silent, cancel: CancelToken | None = None
    ) -> FitReport:
        """Learn from examples and return what was learned, like `segmentAndWait`."""
        return self._wait(lambda end: self.fit(request, end, end, onProgress), cancel)

    def cancel(self, ticket: int) -> None:
        """End `ticket` with `Cancelled`; its job stops at its next step, or with the process a little later."""
        if ticket not in self._questions:
            return
        self._drop(ticket, Cancelled(_("The run was cancelled.")))
        connection = self._connection
        later(CANCEL_PATIENCE, lambda: self._killIfSilent(connection, ticket))

    def stop(self, milliseconds: int = 2000) -> None:
        """End the process; it is started again when it is next used."""
        connection, self._connection = self._connection, None
        self._forgetProcess()
        if connection is not None:
            connection.close(milliseconds)
        self._failAll(EngineLost(_("The engine process was stopped.")))

    def _connect(self) -> None:
        self._forgetProcess()
        self._connection = EngineConnection(self._command, self._application, self._log, self._heard, self._lost)
        self._uploads = VolumeUploads(self._connection)
        self._connection.start()
        self._sendSettings()

    def _sendSettings(self) -> None:
        self._connection.send(configure_message(self._device, self._weights, self._cacheBytes))

    def _forgetProcess(self) -> None:
        self._hello = None
        self._memoryAnswers.clear()
        if self._uploads is not None:
            self._uploads.stop()
        self._cancelled.clear()

    def _put(self, question: Question) -> int:
        """Take a question; a newer one of the same subject drops older ones."""
        self._lastTicket += 1
        ticket = self._lastTicket
        others = {other: old for other, old in self._questions.items() if old.subject == question.subject}
        self._questions[ticket] = question
        if any(other.generation > question.generation for other in others.values()):
            self._fail(ticket, _replaced())
            return ticket
        for other, older in others.items():
            if older.generation < question.generation:
                self._drop(other, _replaced())
        self._ask(ticket)
        return ticket

    def _wait(self, ask: Callable[[Callable[[Any], object]], int], cancel: CancelToken | None) -> Any:
        """Ask, and let the event loop run until the answer is there."""
        loop, outcome, timer = qt.QEventLoop(), [], qt.QTimer()

        def end(value):
            outcome.append(value)
            loop.quit()

        ticket = ask(end)
        if cancel is not None:
            timer.connect("timeout()", lambda: self.cancel(ticket) if cancel.is_cancelled else None)
            timer.start(CANCEL_INTERVAL)
        loop.exec_()
        timer.stop()
        if not outcome:
            message = _("The application is closing.")
            raise Cancelled(message)
        if isinstance(outcome[0], MedSegAIError):
            raise outcome[0]
        return outcome[0]

    def _ask(self, ticket: int) -> None:
        """Send the question, once the process has its images."""
        question = self._questions[ticket]
        question.wasSent = False
        if self._connection is None:
            self._connect()
        if not self._connection.isOpen:  # it could not be started; all questions are about to end with that error
            return
        if len({id(image) for image in question.images}) > VOLUMES_LIMIT:
            message = _("The engine process can work with {count} volumes at a time.").format(count=VOLUMES_LIMIT)
            self._fail(ticket, InvalidRequest(message, _("Learn from fewer examples.")))
            return
        self._upload(ticket, question.images)

    def _upload(self, ticket: int, images: tuple[ImageVolume, ...]) -> None:
        """Hand the images over, one by one, then send the question."""
        if ticket not in self._questions:  # cancelled or replaced meanwhile
            return
        if not images:
            self._send(ticket)
            return
        self._uploads.send(images[0], lambda: self._upload(ticket, images[1:]), lambda error: self._fail(ticket, error))

    def _send(self, ticket: int) -> None:
        """Send the question, for which the process has the images by now."""
        question = self._questions[ticket]
        try:
            self._connection.send(question.message(ticket))
            question.wasSent = True
        except MedSegAIError as error:
            self._fail(ticket, error)
        else:
            self._look(ticket, self._connection)

    def _look(self, ticket: int, connection: EngineConnection) -> None:
        """Ask for a preview of a job, if it still is under way and somebody looks at it."""
        question = self._questions.get(ticket)
        if connection is self._connection and getattr(question, "onPreview", None) is not None:
            connection.send(look_message(ticket))

    def _seen(self, ticket: int, frame: Frame) -> None:
        """Show a preview, and ask for the next one a little later."""
        question, connection = self._questions.get(ticket), self._connection
        if question is not None:  # else it was cancelled or replaced: the preview is stale
            self._call(lambda: question.onPreview(read_preview_message(frame)))
            later(PREVIEW_INTERVAL, lambda: self._look(ticket, connection))

    def _drop(self, ticket: int, error: MedSegAIError) -> None:
        """End a ticket, and ask the process to stop its job if it has heard of it."""
        wasSent = self._questions[ticket].wasSent
        self._fail(ticket, error)
        if wasSent and self._connection is not None:
            self._cancelled.add(ticket)
            self._connection.send(cancel_message(ticket))

    def _killIfSilent(self, connection: EngineConnection, ticket: int) -> None:
        if connection is not self._connection or ticket not in self._cancelled:
            return
        connection.kill()
        self._connect()
        for waiting in list(self._questions):  # they waited behind the job that would not stop
            self._ask(waiting)

    def _heard(self, frame: Frame) -> None:
        kind, ticket = frame.header.get("type"), frame.header.get("number")
        if kind == "hello":
            self._hello = frame.header
            greetings, self._greetings = self._greetings, []
            for onReady, _onError in greetings:
                self._call(onReady, frame.header)
            return
        if kind == "memory":
            self._call(self._memoryAnswers.pop(0), frame.header["cached_bytes"], tuple(frame.header["models"]))
            return
        if kind == "preview":
            self._seen(ticket, frame)
            return
        question = self._questions.get(ticket)
        if kind == "progress":
            if question is not None:
                self._call(question.onProgress, frame.header["fraction"], frame.header["message"])
            return
        self._cancelled.discard(ticket)
        if question is None:  # cancelled or replaced: the answer is stale
            return
        if kind == "need_volume":
            self._askAgain(ticket, frame.header["image"])
            return
        del self._questions[ticket]
        try:
            result = question.answer(frame)
        except MedSegAIError as error:
            self._call(question.onError, error)
        else:
            self._call(question.onResult, result)

    def _askAgain(self, ticket: int, fingerprint: str) -> None:
        """Send the question once more with a volume that the process has dropped."""
        question = self._questions[ticket]
        if fingerprint in question.askedAgain:
            self._fail(ticket, EngineFault(_("The engine process does not accept the volume.")))
            return
        question.askedAgain.add(fingerprint)
        self._uploads.forget(fingerprint)
        self._ask(ticket)

    def _lost(self, error: MedSegAIError) -> None:
        self._connection = None
        self._forgetProcess()
        self._failAll(error)

    def _failAll(self, error: MedSegAIError) -> None:
        for ticket in list(self._questions):
            self._fail(ticket, error)
        greetings, self._greetings = self._greetings, []
        for _onReady, onError in greetings:
            later(0, lambda onError=onError: self._call(onError, error))

    def _fail(self, ticket: int, error: MedSegAIError) -> None:
        question = self._questions.pop(ticket, None)
        if question is not None:  # it may have been cancelled while its volume was on the way
            later(0, lambda: self._call(question.onError, error))

    @staticmethod
    def _call(handler: Callable[..., object], *arguments: object) -> None:
        """Call a handler; its errors are reported here, because PythonQt would only print them."""
        try:
            handler(*arguments)
        except Exception:  # one bad handler must not keep the others waiting
            logging.exception("A handler of the engine process failed.")


def _replaced() -> Cancelled:
    return Cancelled(_("A newer request for this segment has replaced this one."))
