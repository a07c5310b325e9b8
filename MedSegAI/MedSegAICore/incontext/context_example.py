"""One example of an in-context task, and what must be known of the volume that a slice was cut from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..errors import InvalidRequest
from ..fewshot.examples import Example
from ..fields import Fields
from ..request import IntensityWindow
from ..segment_look import SegmentLook

Origin = Literal["drawn", "corrected", "accepted"]
"""Whether a person drew a mask, corrected a model's, or took it as it was."""

ORIGINS: tuple[Origin, ...] = ("drawn", "corrected", "accepted")


@dataclass(frozen=True, eq=False)
class ContextExample:
    """An image with some of the structures of a task; a structure that is not drawn is not there.

    Parameters
    ----------
    example
        The image and what is drawn on it; a slice is a volume of one slice.
    identifier
        Name of the example in its task: letters and digits that say nothing; "" until it is stored.
    position
        Of a slice: how far along its volume it lies, from 0 to 1 towards superior, posterior or left; None if that is
        not known.
    window
        Of a slice: the intensities of its volume that become 0 and 1, so that both look alike; None takes its own.
    origin
        How the masks came about.
    model
        What made them before they were corrected or accepted; "" if a person drew them.
    looks
        Name of a structure -> how its segment looked, as far as that is known.

    Raises
    ------
    InvalidRequest
        The position lies outside the volume, or the origin is none of `ORIGINS`.
    """

    example: Example
    identifier: str = ""
    position: float | None = None
    window: IntensityWindow | None = None
    origin: Origin = "drawn"
    model: str = ""
    looks: Mapping[str, SegmentLook] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.position is not None and not 0 <= self.position <= 1:
            message = f"The position of the slice in its volume is {self.position}."
            raise InvalidRequest(message, "Choose a position from 0 to 1.")
        if self.origin not in ORIGINS:
            message = f"There is no origin '{self.origin}'."
            raise InvalidRequest(message, f"Choose one of: {', '.join(ORIGINS)}.")

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the structures that it shows."""
        return tuple(self.example.masks)

    def known(self) -> dict[str, Any]:
        """Return what is known besides image and masks, as JSON data."""
        return {
            "position": self.position,
            "window": self.window and [self.window.lower, self.window.upper],
            "origin": self.origin,
            "model": self.model,
            "looks": {label: look.to_dict() for label, look in self.looks.items()},
        }

    @classmethod
    def of_known(cls, example: Example, identifier: str, fields: Fields) -> ContextExample:
        """Return an example with what `known` has told; raises the error of `fields` where one is missing or wrong."""
        bounds = fields.optional("window", lambda name: fields.numbers(name, 2))
        return cls(
            example=example,
            identifier=identifier,
            position=fields.optional("position", fields.number),
            window=None if bounds is None else IntensityWindow(float(bounds[0]), float(bounds[1])),
            origin=ORIGINS[ORIGINS.index(fields.choice("origin", ORIGINS))],
            model=fields.text("model", allow_empty=True),
            looks=looks_from(fields),
        )

    def content_digest(self) -> str:
        """Return a text that changes with the voxels of image and masks and with what is known of them."""
        described = (self.position, self.window and (self.window.lower, self.window.upper))
        digest = hashlib.blake2b(repr(described).encode(), digest_size=16)
        digest.update(self.example.image.fingerprint.encode())
        for label, mask in sorted(self.example.masks.items()):
            tight = mask.tight()
            digest.update(repr((label, tight.offset, tight.array.shape)).encode())
            digest.update(np.packbits(tight.array.astype(bool)).tobytes())
        return digest.hexdigest()


def looks_from(fields: Fields) -> dict[str, SegmentLook]:
    """Return how segments of an example look; nothing where it was written before looks were, or says no such thing."""
    values = fields.optional("looks", fields.value) if fields.has("looks") else None
    try:
        return {str(label): SegmentLook.from_dict(look) for label, look in (values or {}).items()}
    except (TypeError, ValueError, LookupError, AttributeError):
        return {}
