"""How often a network is asked, how long that takes, and how much of it is left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ..engine.run import Run
from ..request import ContextOptions

LONG = 10.0
"""A remaining time from which the user is told [s]."""


def passes_of(options: ContextOptions, slices: int, labels: int = 1) -> int:
    """Return how often a network is asked about slices; a second pass looks at each of them again at most."""
    answers = options.subsets * (1 + options.augmentations)
    return slices * labels * answers * (2 if options.second_pass else 1)


def predicted_seconds(
    slice_seconds: float, measured: ContextOptions, options: ContextOptions, slices: int, labels: int = 1
) -> float:
    """Return how long a volume will take at most [s], from what one slice took.

    Parameters
    ----------
    slice_seconds
        Time that one slice took with as many structures [s].
    measured
        The options that it was measured with.
    options
        Those of the volume; twice as many supports take twice as long.
    slices
        Slices to look at: of all axes together, where axes are fused.
    labels
        Number of structures.
    """
    once = slice_seconds / passes_of(measured, 1, labels) * options.supports / measured.supports
    return once * passes_of(options, slices, labels)


@dataclass
class Countdown:
    """Tells how far a run is, and how long it will take from what it took so far.

    Parameters
    ----------
    total
        Number of answers that are needed.
    done
        Number of answers so far.
    began
        When the first one was asked for, by the monotonic clock [s].
    """

    total: int
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def one(self, run: Run) -> None:
        """Count one answer, and report progress."""
        self.done += 1
        left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        words = f", about {left:.0f} s left" if left > LONG else ""
        run.step(self.done / max(self.total, 1), f"Looking at slices{words}")
