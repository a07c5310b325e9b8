"""Widgets that observe nodes, and may end before them."""

from __future__ import annotations

import weakref

import shiboken6


def observe(owner, thing, events, method: str) -> None:
    """Call `owner.method()` on events of a node or the scene, as long as the widget lives."""
    reference = weakref.ref(owner)

    def heard(*_) -> None:
        widget = reference()
        if widget is not None and shiboken6.isValid(widget):
            getattr(widget, method)()

    for event in events:
        thing.AddObserver(event, heard)
