"""A segmentation of nodes that goes on while the application does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from MedSegAICore.errors import EngineFault, MedSegAIError
from MedSegAICore.result import SegmentationResult
from slicer.i18n import tr as _

from ..mrml.console import requestFromNodes, writeResult
from .application_engine import applicationEngine

OnResult = Callable[[str | None, SegmentationResult], object]
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


class NodeRun:
    """A run that was started; it ends exactly once, with `onResult` or `onError`.

    Both are called from the event loop, `onProgress` too. A run that fails or is cancelled leaves the scene as it was,
    also when nodes were removed meanwhile.

    Parameters
    ----------
    target, prompts, settings
        As for `MedSegAILib.mrml.console.segment`.
    onResult
        Called with the id of the segment that was written (None if the result is empty) and the result.
    onError
        Called with a `MedSegAIError`; `Cancelled` after `cancel`. None writes it to the log.
    onProgress
        Called with a fraction [0, 1] and a few words.

    Raises
    ------
    MedSegAIError
        The prompts or the volume cannot be used; nothing was started.
    """

    def __init__(
        self,
        target: Target,
        prompts: list,
        settings: dict,
        onResult: OnResult | None = None,
        onError: OnError | None = None,
        onProgress: OnProgress | None = None,
    ) -> None:
        request = requestFromNodes(target.volumeNode, prompts, target.segmentName, **settings)
        self._target, self._onResult, self._onError = target, onResult or _ignore, onError or _log
        self._engine = applicationEngine()
        self._ticket = self._engine.segment(request, self._write, self._fail, onProgress or _ignore)
        self.isRunning = True

    def cancel(self) -> None:
        """Stop the run; nothing happens if it has ended."""
        self._engine.cancel(self._ticket)

    def _write(self, result: SegmentationResult) -> None:
        target = self._target
        try:
            written = writeResult(result, target.volumeNode, target.segmentationNode, target.segmentName, target.editor)
        except MedSegAIError as error:
            self._fail(error)
        except Exception as error:  # the caller waits for an answer, whatever went wrong
            logging.exception("The result could not be written.")
            self._fail(EngineFault(_("The result could not be written: {reason}").format(reason=error)))
        else:
            self.isRunning = False
            self._onResult(*written)

    def _fail(self, error: MedSegAIError) -> None:
        self.isRunning = False
        self._onError(error)


def _log(error: MedSegAIError) -> None:
    logging.error(str(error))
