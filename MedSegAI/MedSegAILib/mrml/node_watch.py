"""Observers of nodes, kept together so that none outlives its use."""

from __future__ import annotations


class NodeWatch:
    """Calls `onEvent` without arguments when one of the followed nodes invokes one of some events."""

    def __init__(self, onEvent):
        self._onEvent = onEvent
        self._observations = []

    def follow(self, nodes, events):
        """Follow these nodes and no others; `events` are numbers, as `AddObserver` takes them."""
        self.stop()
        for node in nodes:
            self._observations += [(node, node.AddObserver(event, self._heard)) for event in events]

    def stop(self):
        """Follow nothing."""
        for node, tag in self._observations:
            node.RemoveObserver(tag)
        self._observations = []

    def _heard(self, _caller, _event):
        self._onEvent()
