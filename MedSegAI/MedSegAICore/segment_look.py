"""How segments look, as Slicer keeps it; reading and writing their files is another matter."""

from __future__ import annotations

from dataclasses import dataclass

TERMINOLOGY_TAG = "TerminologyEntry"
"""Slicer's tag of a segment that tells what it is."""


@dataclass(frozen=True)
class SegmentLook:
    """Colour (red, green, blue in [0, 1]) and terminology, as Slicer keeps it, of a segment."""

    color: tuple[float, float, float]
    terminology: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """Return what a segment is tagged with."""
        return {TERMINOLOGY_TAG: self.terminology} if self.terminology else {}
