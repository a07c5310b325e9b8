"""One example of an in-context task, and what must be known of the volume that a slice was cut from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import InvalidRequest
from ..fewshot.examples import Example
from ..request import IntensityWindow

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
