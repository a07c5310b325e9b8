"""How segments look, as Slicer keeps it; reading and writing their files is another matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

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

    def to_dict(self) -> dict[str, Any]:
        """Return the look as JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SegmentLook:
        """Return the look that `to_dict` has written; raises `TypeError`, `ValueError` or `LookupError`."""
        red, green, blue = (min(max(float(part), 0.0), 1.0) for part in values["color"])
        return cls((red, green, blue), str(values["terminology"]))
