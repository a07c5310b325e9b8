"""What the interactive network is asked: a slice, what was drawn on it, and what is known of the answer.

A training asks in the same way, so that the network learns from what it is shown later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .picture import Shape
from .prompt_maps import CLICK_RADIUS, PromptMaps
from .segmenter import Float32, Mask, SlicePrompts
from .slice_view import SliceView, view_around

SURROUNDINGS = 1.75
"""How much longer than a structure its view is."""

FARTHER = (3.0, 5.0)
"""Further views of a guess, which may be a part of the structure: how much longer than it they are."""

NEVER = -12.0
"""Logit where nothing can be."""


@dataclass(frozen=True, eq=False)
class NetworkQuestion:
    """What is asked about a slice.

    Parameters
    ----------
    levels
        Grey levels (rows, columns).
    spacing_mm
        Distance between (rows, columns) [mm].
    prompts
        What was drawn: clicks, one box, scribbles.
    logits
        Answer before (rows, columns), or None.
    guess
        Probability (rows, columns) of the adaptive model.
    """

    levels: Float32
    spacing_mm: tuple[float, float]
    prompts: SlicePrompts
    logits: Float32 | None
    guess: Float32

    @property
    def shape(self) -> Shape:
        rows, columns = self.levels.shape
        return rows, columns

    @property
    def known_logits(self) -> Float32:
        """The answer before, or that nothing is inside."""
        return np.full(self.shape, NEVER, np.float32) if self.logits is None else self.logits

    @property
    def found(self) -> Mask:
        """Where the answer before is inside."""
        return self.known_logits > 0

    def views(self) -> list[SliceView]:
        """Return the view of answer, box and marks inside, or views of guess and marks where no size is known.

        There is none where nothing is inside.
        """
        if not len(self._places()):
            return []
        is_size_known = self.found.any() or self.prompts.box_xyxy is not None
        factors = (SURROUNDINGS,) if is_size_known else (SURROUNDINGS, *FARTHER)
        return list(dict.fromkeys(self.view(factor) for factor in factors))

    def view(self, surroundings: float) -> SliceView:
        """Return the view of answer, box and marks inside; of the guess where there is neither answer nor box.

        Parameters
        ----------
        surroundings
            How much longer than all that the view is.

        Raises
        ------
        ValueError
            Nothing is inside.
        """
        return self._around(self._places(), surroundings)

    def view_with(self, mask: Mask, surroundings: float) -> SliceView:
        """Return the view that shows all of a mask (rows, columns), not empty, as well."""
        return self._around(np.concatenate([self._places(), np.argwhere(mask)]), surroundings)

    def marked_box(self) -> NDArray[np.float64]:
        """Return first and last column and row (4,) of what is marked inside: box, clicks and strokes; not nothing."""
        places = self._marked_inside()
        return np.concatenate([places.min(axis=0)[::-1], places.max(axis=0)[::-1]])

    def channels(self, view: SliceView, size: int) -> Float32:
        """Return the input (6, size, size) of the network for a view."""
        maps = maps_in_view(self.prompts, view, size)
        previous = np.zeros((size, size), np.float32)
        if self.logits is not None:
            previous = view.taken(expit(self.logits), size, outside=0.0)
        picture = view.taken(self.levels, size, outside=0.0)
        guess = view.taken(self.guess, size, outside=0.0)
        return np.stack([picture, maps.box, maps.positive, maps.negative, previous, guess])

    def _places(self) -> NDArray[np.float64]:
        """Return all pixels (n, 2) as (row, column) that a view shows."""
        parts: list[NDArray[Any]] = [self._marked_inside()]
        if self.found.any():
            parts.append(np.argwhere(self.found))
        elif self.prompts.box_xyxy is None:
            parts.append(np.argwhere(self.guess > 0.5))
        return np.concatenate(parts)

    def _around(self, places: NDArray[np.float64], surroundings: float) -> SliceView:
        return view_around(places.min(axis=0), places.max(axis=0), surroundings, self.shape, self.spacing_mm)

    def _marked_inside(self) -> NDArray[np.float64]:
        """Return clicks, pixels of strokes inside and corners of the box (n, 2) as (row, column)."""
        drawn, box = self.prompts.inside, self.prompts.box_xyxy
        clicks = self.prompts.points_xy[self.prompts.points_positive][:, ::-1]
        strokes = np.empty((0, 2)) if drawn is None else np.argwhere(drawn)
        corners = np.empty((0, 2)) if box is None else box.reshape(2, 2)[:, ::-1]
        return np.concatenate([clicks, strokes, corners])


def maps_in_view(prompts: SlicePrompts, view: SliceView, size: int) -> PromptMaps:
    """Return the pictures (size, size) that show clicks, scribbles and box of a slice in a view."""
    maps = PromptMaps.nothing((size, size))
    if prompts.box_xyxy is not None:
        corners = prompts.box_xyxy.reshape(2, 2)[:, ::-1]
        edges = view.pixels(np.stack([corners[0] - 0.5, corners[1] + 0.5]), size)
        maps = maps.with_box(edges[0] + 0.5, edges[1] - 0.5)
    for positive, drawn in ((True, prompts.inside), (False, prompts.outside)):
        clicks = prompts.points_xy[prompts.points_positive == positive][:, ::-1]
        maps = maps.with_marks(view.pixels(clicks, size), CLICK_RADIUS, positive=positive)
        if drawn is not None:
            strokes = np.argwhere(view.taken(drawn.astype(np.float32), size, outside=0.0) > 0)
            maps = maps.with_marks(strokes, 0.0, positive=positive)
    return maps
