"""The application's one engine process, for effects, modules and the console.

>>> from MedSegAILib.gui.application_engine import WaitingEngine
>>> from MedSegAILib.mrml.console import segment
>>> segment(getNode("CT"), [getNode("F")], engine=WaitingEngine())
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from MedSegAICore.engine.run import CancelToken
from MedSegAICore.fewshot.fit import FitReport, FitRequest
from MedSegAICore.request import SegmentationRequest
from MedSegAICore.result import SegmentationResult

from . import settings
from .engine_process import EngineProcess


@cache
def applicationEngine() -> EngineProcess:
    """Return the engine process that everything in this application shares."""
    return EngineProcess(settings.device(), cacheBytes=settings.cacheBytes())


class WaitingEngine:
    """The shared engine process with the methods of `Engine`: whoever asks waits, the application goes on."""

    def segment(
        self,
        request: SegmentationRequest,
        progress: Callable[[float, str], object] | None = None,
        cancel: CancelToken | None = None,
    ) -> SegmentationResult:
        return applicationEngine().segmentAndWait(request, progress or (lambda *_words: None), cancel)

    def fit(
        self,
        request: FitRequest,
        progress: Callable[[float, str], object] | None = None,
        cancel: CancelToken | None = None,
    ) -> FitReport:
        return applicationEngine().fitAndWait(request, progress or (lambda *_words: None), cancel)
