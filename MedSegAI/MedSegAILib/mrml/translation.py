"""Slicer's translation call, and plain English where there is a scene but no desktop."""

from __future__ import annotations

try:
    from slicer.i18n import tr
except ImportError:

    def tr(text):
        """Return the text as it is."""
        return text


__all__ = ["tr"]
