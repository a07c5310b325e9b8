"""Methods under test whose answers are known beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


def nothing(*question: Any) -> np.ndarray:
    """Answer every question with an empty mask."""
    return np.zeros(_image(question).array.shape, bool)


def bright(*question: Any) -> np.ndarray:
    """Answer with what is brighter than 50: that is right for drawn images with one structure."""
    return _image(question).array > 50


def _image(question: tuple[Any, ...]) -> Any:
    return next(part for part in question if hasattr(part, "fingerprint"))


@dataclass
class Scripted:
    """An interactive method that gives one answer after the other, and remembers what it was asked."""

    script: list[np.ndarray]
    asked: list[tuple] = field(default_factory=list)

    def __call__(self, _image, prompts, _run) -> np.ndarray:
        self.asked.append(prompts)
        return self.script[len(self.asked) - 1]


@dataclass
class Recording:
    """A method from supports that answers with an empty mask, and remembers what it was shown."""

    shown: list[tuple] = field(default_factory=list)

    def __call__(self, supports, query, _run) -> np.ndarray:
        self.shown.append((supports, query))
        return np.zeros(query.geometry.shape, bool)


def item_of(protocol, subject: str, label: str | None = None, variant: str = ""):
    """Return the protocol's question about a subject."""
    for item in protocol.items():
        if item.subject == subject and item.variant == variant and label in (None, item.label):
            return item
    raise LookupError((subject, label, variant))
