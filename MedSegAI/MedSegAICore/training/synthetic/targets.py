"""What of a drawn body is to be segmented: one label, a family, a merger, all but that, or only an edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..example import BoolArray
from .canvas import Template

Operation = Literal["plain", "inverted", "edge"]


@dataclass(frozen=True)
class Target:
    """What a task asks for.

    Parameters
    ----------
    labels
        Labels that belong together.
    operation
        These labels, all but them, or a band along their border.
    thickness
        Half the width of the band [pixels].
    """

    labels: frozenset[int]
    operation: Operation = "plain"
    thickness: int = 1

    def mask(self, labels: NDArray[np.uint8]) -> BoolArray:
        """Return where it is in a label map (rows, columns)."""
        chosen = np.zeros(256, np.bool_)
        chosen[list(self.labels)] = True
        inside: BoolArray = chosen[labels]
        if self.operation == "inverted":
            return ~inside
        if self.operation == "edge":
            side = 2 * self.thickness + 1
            band: BoolArray = ndimage.maximum_filter(inside, side) & ~ndimage.minimum_filter(inside, side)
            return band
        return inside


def draw_target(template: Template, visible: NDArray[np.int64], chance: np.random.Generator) -> Target:
    """Return a target among the labels that can be seen.

    Parameters
    ----------
    template
        The body.
    visible
        Labels other than 0 that have pixels; not empty.
    chance
        Draws.
    """
    label = int(chance.choice(visible))
    labels = template.family(label) if chance.random() < 0.6 else frozenset({label})
    operation: Operation = "plain"
    drawn = chance.random()
    if drawn < 0.12:
        others = chance.choice(visible, min(len(visible), int(chance.integers(1, 4))), replace=False)
        labels |= frozenset(int(other) for other in others)
    elif drawn < 0.16:
        operation = "inverted"
    elif drawn < 0.19:
        operation = "edge"
    return Target(labels, operation, int(chance.integers(1, 3)))
