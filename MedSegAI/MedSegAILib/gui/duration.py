"""How long something takes, in words."""

from __future__ import annotations

from slicer.i18n import tr as _


def duration(seconds):
    """Return a time [s] as it is said: no more exact than it is known."""
    if seconds < 90:
        return _("{count:.0f} s").format(count=max(seconds, 1))
    return _("{count:.0f} min").format(count=seconds / 60)
