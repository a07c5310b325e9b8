"""Segmenting and learning from nodes that goes on while the application does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from MedSegAICore.errors import EngineFault, MedSegAIError
from MedSegAICore.fewshot.fit import FitReport
from MedSegAICore.fewshot.support_notes import write_notes
from MedSegAICore.result import SegmentationResult
from slicer.i18n import tr as _

from ..mrml.console import requestFromNodes, writeResult
from ..mrml.fewshot_console import fitRequestFromNodes, likeRequestFromNodes, writeLike
from ..mrml.incontext_console import contextRequestFromNodes, writeInContext
from .application_engine import applicationEngine

OnError = Callable[[MedSegAIError], object]
OnProgress = Callable[[float, str], object]


def _ignore(*_arguments: object) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Target:
    """Where the segment goes, as for `MedSegAILib.mrml.console.segment`."""

    volumeNode: object
    segmentationNode: object = None
    segmentName: str = "Segment"
    editor: object = None


class EngineRun:
    """A run that was started; it ends exactly once, with `onResult` or `onError`.

    Both are called from the event loop, `onProgress` too. A run that fails or is cancelled leaves the scene as it was,
    also when nodes were removed meanwhile.

    Parameters
    ----------
    ask
        Sends the question to an engine process and returns the ticket.
    finish
        Makes of the answer the tuple that `onResult` is called with.
    onResult
        Called when it is done.
    onError
        Called with a `MedSegAIError`; `Cancelled` after `cancel`. None writes it to the log.
    onProgress
        Called with a fraction [0, 1] and a few words.
    """

    def __init__(
        self,
        ask: Callable[..., int],
        finish: Callable[[Any], tuple],
        onResult: Callable[..., object] | None = None,
        onError: OnError | None = None,
        onProgress: OnProgress | None = None,
    ) -> None:
        self._finish, self._onResult, self._onError = finish, onResult or _ignore, onError or _log
        self._engine = applicationEngine()
        self._ticket = ask(self._engine, self._end, self._fail, onProgress or _ignore)
        self.isRunning = True

    def cancel(self) -> None:
        """Stop the run; nothing happens if it has ended."""
        self._engine.cancel(self._ticket)

    def _end(self, answer: Any) -> None:
        try:
            finished = self._finish(answer)
        except MedSegAIError as error:
            self._fail(error)
        except Exception as error:  # the caller waits for an answer, whatever went wrong
            logging.exception("The result could not be written.")
            self._fail(EngineFault(_("The result could not be written: {reason}").format(reason=error)))
        else:
            self.isRunning = False
            self._onResult(*finished)

    def _fail(self, error: MedSegAIError) -> None:
        self.isRunning = False
        self._onError(error)


class NodeRun(EngineRun):
    """Segments what prompts point at.

    Parameters
    ----------
    target, prompts, settings
        As for `MedSegAILib.mrml.console.segment`.
    *handlers
        As for `EngineRun`; `onResult` gets the id of the segment (None if the result is empty) and the result.

    Raises
    ------
    MedSegAIError
        The prompts or the volume cannot be used; nothing was started.
    """

    def __init__(self, target: Target, prompts: list, settings: dict, *handlers: Callable[..., object] | None) -> None:
        request = requestFromNodes(target.volumeNode, prompts, target.segmentName, **settings)

        def write(result: SegmentationResult) -> tuple:
            volume, segmentation = target.volumeNode, target.segmentationNode
            return writeResult(result, volume, segmentation, target.segmentName, target.editor)

        super().__init__(lambda engine, *hear: engine.segment(request, *hear), write, *handlers)


class LearnRun(EngineRun):
    """Learns from examples.

    Parameters
    ----------
    examples, settings
        As for `MedSegAILib.mrml.fewshot_console.learn`.
    *handlers
        As for `EngineRun`; `onResult` gets the `FitReport`.

    Raises
    ------
    MedSegAIError
        The examples cannot be used; nothing was started.
    """

    def __init__(self, examples: list, settings: dict, *handlers: Callable[..., object] | None) -> None:
        request, notes = fitRequestFromNodes(examples, **settings)

        def keep(report: FitReport) -> tuple:
            write_notes(report.file, notes())
            return (report,)

        super().__init__(lambda engine, *hear: engine.fit(request, *hear), keep, *handlers)


class LikeRun(EngineRun):
    """Segments what examples have taught.

    Parameters
    ----------
    target, supportModel, settings
        As for `MedSegAILib.mrml.fewshot_console.segmentLike`; every structure goes into the segment of its name.
    *handlers
        As for `EngineRun`; `onResult` gets the id of every structure's segment and the result.

    Raises
    ------
    MedSegAIError
        The volume cannot be used; nothing was started.
    """

    def __init__(
        self, target: Target, supportModel: object, settings: dict, *handlers: Callable[..., object] | None
    ) -> None:
        request = likeRequestFromNodes(target.volumeNode, supportModel, **settings)

        def write(result: SegmentationResult) -> tuple:
            return writeLike(result, supportModel, target.volumeNode, target.segmentationNode, target.editor)

        super().__init__(lambda engine, *hear: engine.segment(request, *hear), write, *handlers)


class ContextRun(EngineRun):
    """Segments what the examples of a task show.

    Parameters
    ----------
    target, library, task, settings
        As for `MedSegAILib.mrml.incontext_console.segmentInContext`.
    *handlers
        As for `LikeRun`.

    Raises
    ------
    MedSegAIError
        The volume cannot be used; nothing was started.
    """

    def __init__(
        self, target: Target, library: object, task: str, settings: dict, *handlers: Callable[..., object] | None
    ) -> None:
        request = contextRequestFromNodes(target.volumeNode, library, task, **settings)

        def write(result: SegmentationResult) -> tuple:
            return writeInContext(result, request, target.volumeNode, target.segmentationNode, target.editor)

        super().__init__(lambda engine, *hear: engine.segment(request, *hear), write, *handlers)


def _log(error: MedSegAIError) -> None:
    logging.error(str(error))
