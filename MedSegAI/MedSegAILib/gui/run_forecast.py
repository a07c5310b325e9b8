"""How long a run would take, asked of the engine process while the user chooses what to ask."""

from __future__ import annotations

import logging
import time

from MedSegAICore.errors import MedSegAIError
from MedSegAICore.request import SegmentationRequest

from .event_loop import later

DELAY = 400
"""It is asked when nothing has been chosen for this long [ms]: the answer takes a pass of the network."""


class RunForecast:
    """Knows how long a run of what is chosen now will take.

    Parameters
    ----------
    engine
        The `EngineProcess`.
    onChange
        Called without arguments when that is known.
    """

    def __init__(self, engine, onChange):
        self._engine, self._onChange = engine, onChange
        self._key = self._seconds = None

    @property
    def seconds(self):
        """The time [s]; None while it is not known."""
        return self._seconds

    def ask(self, key, make):
        """Ask about another choice.

        Parameters
        ----------
        key
            What the time depends on: nothing is asked while it stays the same.
        make
            Called later, without arguments, for the `ImageVolume` and the task.
        """
        if key != self._key:
            self._key, self._seconds = key, None
            later(DELAY, lambda: self._send(key, make) if key is self._key else None)

    def forget(self):
        """Know nothing, and hear of no answer that is on its way."""
        self._key = self._seconds = None

    def _send(self, key, make):
        try:
            image, task = make()
        except MedSegAIError:  # the run itself says what is missing
            self.forget()
            return
        request = SegmentationRequest(image, task, f"forecast {id(self)}", time.monotonic_ns())
        self._engine.predictSeconds(request, lambda seconds: self._heard(key, seconds), self._failed)

    def _heard(self, key, seconds):
        if key is self._key:
            self._seconds = seconds
            self._onChange()

    @staticmethod
    def _failed(error):
        logging.info("MedSegAI: the time is not known. %s", error)
