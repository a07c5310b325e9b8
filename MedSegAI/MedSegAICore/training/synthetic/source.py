"""Examples of drawn bodies, alone or as members of a task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..augmentation import degraded, relit
from ..example import BoolArray, Example, is_usable
from .anatomy import draw_template
from .appearance import Contrast, draw_contrast, scanned, shadow
from .canvas import Template
from .targets import Target, draw_target
from .warp import draw_positions, taken

_CANVAS = 1.25
"""A body is painted on a canvas that is larger than the picture by this factor."""

_TRIES = 8
"""Views of one body until another is drawn."""

_SEEN_THROUGH = 0.12
"""Share of the examples that show another body behind theirs, as radiographs do."""

_OWN_CONTRAST = 0.25
"""Share of the members of a task that show another contrast than the first."""


class SyntheticSource:
    """Draws bodies, contrasts and what is to be segmented.

    Parameters
    ----------
    templates
        Bodies that are shown; without any they are drawn.
    """

    def __init__(self, templates: Sequence[Template] = ()) -> None:
        self._templates = tuple(templates)

    def draw(self, size: int, chance: np.random.Generator) -> Example:
        """Return an example of `size` x `size` pixels."""
        return self.draw_task(size, 1, chance)[0]

    def draw_task(self, size: int, members: int, chance: np.random.Generator) -> tuple[Example, ...]:
        """Return examples of one task: views of one body, bent anew for each, with the same structure as mask.

        Parameters
        ----------
        size
            Side [pixels].
        members
            How many, 1 or more.
        chance
            Draws.
        """
        while True:  # nearly always once: a body without a view of its structure is rare
            template = self._body(size, chance)
            target = _target(template, chance)
            views = [_view(template, target, size, chance) for _ in range(members)]
            seen = [view for view in views if view is not None]
            if len(seen) == members:
                break
        contrast = draw_contrast(template, chance)
        return tuple(_example(labels, mask, template, contrast, chance) for labels, mask in seen)

    def _body(self, size: int, chance: np.random.Generator) -> Template:
        """Return one of the given bodies, or a drawn one."""
        if self._templates:
            return self._templates[int(chance.integers(len(self._templates)))]
        return draw_template(round(_CANVAS * size), chance)


def _target(template: Template, chance: np.random.Generator) -> Target:
    areas = np.bincount(template.labels.ravel(), minlength=2)
    visible = np.flatnonzero(areas >= 24)
    return draw_target(template, visible[visible > 0], chance)


def _view(
    template: Template, target: Target, size: int, chance: np.random.Generator
) -> tuple[NDArray[np.uint8], BoolArray] | None:
    """Return labels and mask of a view that shows the structure; None if none was found."""
    middle = target.mask(template.labels)
    if not middle.any():  # all but what fills the canvas
        return None
    for _ in range(_TRIES):
        labels = taken(template.labels, draw_positions(middle, size, chance))
        mask = target.mask(labels)
        if is_usable(mask):
            return labels, mask
    return None


def _example(
    labels: NDArray[np.uint8], mask: BoolArray, template: Template, contrast: Contrast, chance: np.random.Generator
) -> Example:
    own = chance.random() < _OWN_CONTRAST
    shown = draw_contrast(template, chance) if own else contrast.jittered(chance)
    behind = None
    if chance.random() < _SEEN_THROUGH:
        behind = shadow(draw_template(len(labels), chance), chance)
    return Example(relit(degraded(scanned(labels, shown, chance, behind), chance), chance), mask)
