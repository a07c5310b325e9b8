"""What a scheme decides: how much a method is shown of the examples and told of the query, and what is scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...engine.run import Run
from ...support import Support
from ...volume import ImageVolume

Mask = NDArray[np.bool_]

SupportMethod = Callable[[Sequence[Support], ImageVolume, Run], Mask]
"""Turns examples and an image into a mask (k, j, i) bool of the whole image; nothing else is told.

The axes (k, j, i) of all of them run towards (superior, posterior, left), so slices look as radiologists see them.
"""


class Scheme(Protocol):
    """What the method is shown of the examples, and of the query."""

    @property
    def name(self) -> str:
        """Return the name of the scheme."""
        ...

    @property
    def remark(self) -> str:
        """Return what tables add to the number of examples; empty if nothing."""
        ...

    @property
    def fewest_supports(self) -> int:
        """Return how many examples it needs at least."""
        ...

    def ask(
        self, method: SupportMethod, supports: Sequence[Support], query: ImageVolume, truth: Mask, run: Run
    ) -> Mask:
        """Return the method's answer (k, j, i) on the slices that are scored, False elsewhere.

        Parameters
        ----------
        method
            The method under test.
        supports
            Whole images with the structure, one of each person.
        query
            The image that is asked about.
        truth
            The structure on it (k, j, i), for the schemes that tell the method where it begins and ends.
        run
            Progress and cancel.
        """
        ...

    def scored(self, truth: Mask) -> slice:
        """Return the slices of the query that count."""
        ...
