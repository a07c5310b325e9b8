"""What the engine process can be asked: which images a question needs, how it is sent, how its answer is read."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from MedSegAICore.engine.fit_messages import fit_message, read_fitted_message
from MedSegAICore.engine.frames import Frame
from MedSegAICore.engine.messages import (
    predict_message,
    read_predicted_message,
    read_result_message,
    segment_message,
)
from MedSegAICore.engine.store_messages import store_message
from MedSegAICore.errors import EngineFault, MedSegAIError, error_from_message
from MedSegAICore.fewshot.fit import FitReport, FitRequest
from MedSegAICore.incontext.storing import StoreRequest
from MedSegAICore.request import SegmentationRequest
from MedSegAICore.result import SegmentationResult
from MedSegAICore.volume import ImageVolume, VolumePatch
from slicer.i18n import tr as _

OnError = Callable[[MedSegAIError], object]
OnProgress = Callable[[float, str], object]
OnPreview = Callable[[VolumePatch], object]


def silent(*_arguments: object) -> None:
    """Do nothing."""


@dataclass(eq=False)
class Question(ABC):
    """A request that was not yet answered.

    Parameters
    ----------
    request
        What is asked.
    onResult, onError, onProgress
        Who is told.
    wasSent
        Whether the process has heard of it.
    askedAgain
        Fingerprints of images that the process had dropped and got once more.
    asked
        When it was asked [ns].
    """

    request: Any
    onResult: Callable[[Any], object]
    onError: OnError
    onProgress: OnProgress = silent
    wasSent: bool = False
    askedAgain: set[str] = field(default_factory=set)
    asked: int = field(default_factory=time.monotonic_ns)

    @property
    @abstractmethod
    def subject(self) -> Hashable:
        """What the answer is for; of several questions with one subject the newest counts."""

    @property
    @abstractmethod
    def generation(self) -> int:
        """Greater for a newer question."""

    @property
    @abstractmethod
    def images(self) -> tuple[ImageVolume, ...]:
        """The images that the process must have first."""

    @abstractmethod
    def message(self, ticket: int) -> Frame:
        """Return the message that asks it."""

    @abstractmethod
    def readAnswer(self, frame: Frame) -> Any:
        """Return the answer; an `EngineFault` if it is damaged or belongs to another question."""

    def answer(self, frame: Frame) -> Any:
        """Return the answer, or raise the error that came instead."""
        if frame.header["type"] == "error":
            raise error_from_message(frame.header["error"])
        return self.readAnswer(frame)


@dataclass(eq=False)
class SegmentQuestion(Question):
    """A `SegmentationRequest`; `onPreview` sees what it is becoming, None asks for no previews."""

    request: SegmentationRequest
    onPreview: OnPreview | None = None

    @property
    def subject(self) -> Hashable:
        return self.request.segment

    @property
    def generation(self) -> int:
        return self.request.generation

    @property
    def images(self) -> tuple[ImageVolume, ...]:
        return (self.request.image,)

    def message(self, ticket: int) -> Frame:
        return segment_message(ticket, self.request)

    def readAnswer(self, frame: Frame) -> Any:
        result: SegmentationResult = read_result_message(frame)
        request = self.request
        answered = (result.segment, result.generation, result.provenance.image_fingerprint)
        _checkBelongs(answered == (request.segment, request.generation, request.image.fingerprint))
        return result


@dataclass(eq=False)
class PredictQuestion(SegmentQuestion):
    """How long a `SegmentationRequest` will take [s]; it neither replaces the request itself nor is replaced by it."""

    @property
    def subject(self) -> Hashable:
        return "seconds", self.request.segment

    def message(self, ticket: int) -> Frame:
        return predict_message(ticket, self.request)

    def readAnswer(self, frame: Frame) -> float:
        _checkBelongs(frame.header["type"] == "predicted")
        return read_predicted_message(frame)


@dataclass(eq=False)
class FitQuestion(Question):
    """A `FitRequest`; asking again for one file replaces the older question."""

    request: FitRequest

    @property
    def subject(self) -> Hashable:
        return self.request.file

    @property
    def generation(self) -> int:
        return self.asked

    @property
    def images(self) -> tuple[ImageVolume, ...]:
        return tuple(example.image for example in self.request.examples)

    def message(self, ticket: int) -> Frame:
        return fit_message(ticket, self.request)

    def readAnswer(self, frame: Frame) -> FitReport:
        _checkBelongs(frame.header["type"] == "fitted")
        report = read_fitted_message(frame)
        _checkBelongs(report.file == self.request.file)
        return report


@dataclass(eq=False)
class StoreQuestion(Question):
    """A `StoreRequest`; none replaces another."""

    request: StoreRequest

    @property
    def subject(self) -> Hashable:
        return "store", id(self.request)

    @property
    def generation(self) -> int:
        return self.asked

    @property
    def images(self) -> tuple[ImageVolume, ...]:
        return (self.request.context.example.image,)

    def message(self, ticket: int) -> Frame:
        return store_message(ticket, self.request)

    def readAnswer(self, frame: Frame) -> str:
        _checkBelongs(frame.header["type"] == "stored")
        return str(frame.header["identifier"])


def _checkBelongs(belongs: bool) -> None:
    if not belongs:
        message = _("The engine process has answered another question.")
        raise EngineFault(message)
