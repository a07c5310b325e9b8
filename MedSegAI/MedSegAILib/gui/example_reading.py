"""Reading examples one by one, so that the application goes on in between."""

from __future__ import annotations

from MedSegAICore.errors import MedSegAIError
from slicer.i18n import tr as _

from .event_loop import later


class ExampleReader:
    """Reads examples, one in each turn of the event loop; a newer reading ends an older one.

    Parameters
    ----------
    images
        The `SourceImages`.
    onChange
        Called without arguments when a reading starts or moves on.
    """

    def __init__(self, images, onChange):
        self._images, self._onChange = images, onChange
        self._items, self._next, self._round = (), 0, 0
        self.isRunning = False

    @property
    def progress(self):
        """Fraction [0, 1] and a few words."""
        text = _("Reading example {number} of {count}…").format(number=self._next + 1, count=len(self._items))
        return self._next / max(len(self._items), 1), text

    def read(self, items, onRead, onRefused, onEnd):
        """Read examples.

        Parameters
        ----------
        items
            `NodeExample`s and `FileExample`s.
        onRead
            Called with each item and its `Example`.
        onRefused
            Called with the `MedSegAIError` of one that cannot be used; the others are read all the same.
        onEnd
            Called once without arguments, unless the reading was stopped.
        """
        self._items, self._next, self.isRunning = list(items), 0, True
        self._round += 1
        thisRound = self._round

        def step():
            if not self.isRunning or self._round != thisRound:
                return
            if self._next == len(self._items):
                self.isRunning = False
                onEnd()
                return
            self._readNext(onRead, onRefused)
            later(0, step)

        later(0, step)
        self._onChange()

    def stop(self):
        """Read no more; nothing is called any more."""
        self.isRunning = False

    def _readNext(self, onRead, onRefused):
        item = self._items[self._next]
        try:
            example = item.read(self._images)
        except MedSegAIError as error:
            onRefused(error)
        else:
            onRead(item, example)
        self._next += 1
        self._onChange()
