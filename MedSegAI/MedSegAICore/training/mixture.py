"""Examples from several sources, each as often as its weight says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InvalidRequest
from .example import Example, ExampleSource


class MixedSource:
    """Draws the source of every example.

    Parameters
    ----------
    sources
        Sources and their weights above 0, which need not sum to 1.

    Raises
    ------
    InvalidRequest
        There is no source, or a weight is not above 0.
    """

    def __init__(self, sources: Sequence[tuple[ExampleSource, float]]) -> None:
        weights = np.array([weight for _, weight in sources], dtype=np.float64)
        if not len(weights) or not (weights > 0).all():
            message = f"The weights of the sources are {weights.tolist()}."
            raise InvalidRequest(message, "Give one source or more, each with a weight above 0.")
        self._sources = [source for source, _ in sources]
        self._shares = weights / weights.sum()

    def draw(self, size: int, chance: np.random.Generator) -> Example:
        """Return an example of one of the sources."""
        source = self._sources[int(chance.choice(len(self._sources), p=self._shares))]
        return source.draw(size, chance)
