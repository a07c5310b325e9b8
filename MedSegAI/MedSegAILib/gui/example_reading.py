"""Reading examples one by one, so that the application goes on in between."""

from __future__ import annotations

from MedSegAICore.errors import MedSegAIError
from slicer.i18n import tr as _

from .event_loop import later


class ExampleReading:
    """Reads one example in each turn of the event loop.

    Parameters
    ----------
    items, images
        What to read, and the `SourceImages`.
    onRead
        Called with each item and its `Example`.
    onRefused
        Called with the `MedSegAIError` of one that cannot be used.
    onEnd
        Called once, unless the reading was stopped.
    """

    def __init__(self, items, images, onRead, onRefused, onEnd):
        self._items, self._images, self._next = list(items), images, 0
        self._onRead, self._onRefused, self._onEnd = onRead, onRefused, onEnd
        self._isStopped = False
        later(0, self._step)

    @property
    def progress(self):
        """Fraction [0, 1] and a few words."""
        text = _("Reading example {number} of {count}…").format(number=self._next + 1, count=len(self._items))
        return self._next / max(len(self._items), 1), text

    def stop(self):
        """Read no more; nothing is called any more."""
        self._isStopped = True

    def _step(self):
        if self._isStopped:
            return
        if self._next == len(self._items):
            self._onEnd()
            return
        item = self._items[self._next]
        try:
            example = item.read(self._images)
        except MedSegAIError as error:
            self._onRefused(error)
        else:
            self._onRead(item, example)
        self._next += 1
        later(0, self._step)
