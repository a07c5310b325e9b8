"""The probability of structures on the slices of a query by comparison with examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ...engine.run import Run
from ..registered.grids import Float32
from .comparison import TOGETHER, Question, Way, compared
from .encoders import SliceEncoder
from .expectation import Expectation
from .knowledge import Knowledge
from .shots import nearest

SHOTS = 5
"""A slice is compared with so many slices of examples at most."""


class ByComparison:
    """Prototypes and a fitted head on an encoder's features.

    Parameters
    ----------
    encoder
        Makes the features.
    ways
        What compares them; the mean of their answers counts.
    """

    prior_share = 0.6

    def __init__(self, encoder: SliceEncoder, ways: Sequence[Way] = TOGETHER) -> None:
        self.encoder = encoder
        self._ways = ways

    def on_slices(self, knowledge: Knowledge, expectation: Expectation, run: Run) -> Float32:
        """Return the probability of every structure by comparison alone: float32 (structures, n, h, w)."""
        found = np.zeros_like(expectation.prior)
        slices = expectation.slices
        for done, index in enumerate(slices):
            run.step(done / len(slices), "comparing with the examples")
            features = expectation.pictures.embed(index, self.encoder, run)
            region = expectation.region[index]
            box = region_box(region)
            part, inside = features[(slice(None), *box)], torch.from_numpy(region[box])
            for structure in range(len(knowledge.labels)):
                seen = nearest(knowledge.shots, structure, expectation.depth(structure, index), SHOTS)
                if seen:
                    size = expectation.size(structure, index)
                    question = Question(part, inside, size, seen, run.check)
                    found[(structure, index, *box)] = compared(question, self._ways).numpy()
        return found


def region_box(region: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the box around a region (h, w), which is somewhere true."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
