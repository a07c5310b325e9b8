"""Runs in the engine process for one panel: the newest question counts, late answers are dropped."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from MedSegAICore.errors import Cancelled
from MedSegAICore.request import SegmentationRequest
from slicer.i18n import tr as _

from .event_loop import later

PATIENCE = 400
"""A run that takes longer than this is worth a progress bar [ms]."""


@dataclass
class _Run:
    """A question that waits for its answer."""

    images: tuple = ()
    ticket: int = 0
    fraction: float = 0.0
    text: str = ""
    began: float = field(default_factory=time.monotonic)

    @property
    def isLoading(self):
        """Whether an image is still on its way to the engine process, which ends with its fingerprint."""
        return not all(image.has_fingerprint for image in self.images)


class RunController:
    """Asks the engine process and knows what is under way. Every effect's panel has one.

    Parameters
    ----------
    engine
        The `EngineProcess` that all panels share.
    onChange
        Called without arguments when a run starts, moves on or ends.
    """

    def __init__(self, engine, onChange):
        self._engine, self._onChange = engine, onChange
        self._runs: dict[str, _Run] = {}

    @property
    def isRunning(self):
        """Whether an answer is awaited."""
        return bool(self._runs)

    @property
    def isSlow(self):
        """Whether an image is being loaded, or an answer has been awaited so long that progress should be shown."""
        late = time.monotonic() - PATIENCE / 1000
        return any(run.isLoading or run.began <= late for run in self._runs.values())

    @property
    def progress(self):
        """Fraction [0, 1] and a few words about the run that has most left to do."""
        slowest = min(self._runs.values(), key=lambda run: run.fraction, default=_Run())
        return slowest.fraction, slowest.text or (_("Loading the image…") if slowest.isLoading else "")

    def ask(self, key, image, task, onResult, onError, onPreview=None):
        """Ask for a segmentation.

        Parameters
        ----------
        key
            Names what the answer is for; an older question of the same key is dropped.
        image, task
            As for `SegmentationRequest`.
        onResult, onError
            Called later, from the event loop, one of them once, unless the question was dropped or cancelled.
        onPreview
            Called before that with what the answer is becoming (`VolumePatch`), where the model shows it.
        """
        # the clock numbers the questions of all panels: the newest has the highest number
        request = SegmentationRequest(image, task, segment=key, generation=time.monotonic_ns())
        self._begin(key, (image,), lambda *heard: self._engine.segment(request, *heard), onResult, onError, onPreview)

    def learn(self, key, request, onResult, onError):
        """Ask to learn from examples; `request` is a `FitRequest`, the others are as for `ask`."""
        images = tuple(example.image for example in request.examples)
        self._begin(key, images, lambda *heard: self._engine.fit(request, *heard), onResult, onError)

    def store(self, key, request, onResult, onError):
        """Ask to keep an example in a task; `request` is a `StoreRequest`, the others are as for `ask`."""
        images = (request.context.example.image,)
        self._begin(key, images, lambda *heard: self._engine.store(request, *heard[:2]), onResult, onError)

    def isUnderWay(self, start):
        """Tell whether an answer is awaited whose key begins with `start`."""
        return any(key.startswith(start) for key in self._runs)

    def _begin(self, key, images, ask, onResult, onError, onPreview=None):
        """Note a run and call `ask` with the functions that hear of it."""
        run = self._runs[key] = _Run(images)

        def end(handler, value):
            if self._runs.get(key) is not run:  # a newer question or a cancel has overtaken this answer
                return
            del self._runs[key]
            handler(value)
            self._onChange()

        def report(fraction, text):
            run.fraction, run.text = fraction, text
            if self._runs.get(key) is run:
                self._onChange()

        def see(patch):
            if self._runs.get(key) is run:
                onPreview(patch)

        run.ticket = ask(
            lambda result: end(onResult, result),
            lambda error: end(onError if not isinstance(error, Cancelled) else _ignore, error),
            report,
            *([see] if onPreview is not None else []),
        )
        later(PATIENCE, self._onChange)
        self._onChange()

    def cancel(self, start=""):
        """Stop what is under way and has a key that begins with `start`; nothing more is heard of it."""
        stopped = [key for key in self._runs if key.startswith(start)]
        for key in stopped:
            self._engine.cancel(self._runs.pop(key).ticket)
        if stopped:
            self._onChange()


def _ignore(_error):
    """Say nothing of what was cancelled on purpose."""
