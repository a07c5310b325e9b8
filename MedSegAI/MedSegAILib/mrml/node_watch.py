"""Observers of nodes, kept together so that none outlives its use."""

from __future__ import annotations


class NodeWatch:
    """Calls `onEvent` without arguments when one of the followed nodes invokes one of some events."""

    def __init__(self, onEvent):
        self._onEvent = onEvent
        self._observations = []

    def follow(self, nodes, events):
        """Follow these nodes and no others; an event that a node's class does not have is left out.

        Parameters
        ----------
        nodes
            Nodes of the scene.
        events
            Names of events, as attributes of the nodes.
        """
        self.stop()
        for node in nodes:
            for name in events:
                if hasattr(node, name):
                    tag = node.AddObserver(getattr(node, name), self._heard)
                    self._observations.append((node, tag))

    def stop(self):
        """Follow nothing."""
        for node, tag in self._observations:
            node.RemoveObserver(tag)
        self._observations = []

    def _heard(self, _caller, _event):
        self._onEvent()
