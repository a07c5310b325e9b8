"""Questions as the interactive network is asked them: prompts, the adaptive model's answer, and a close view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..engine.cache import ByteBoundedCache
from ..engine.run import Run
from ..models.catalogue import load_catalogue
from ..prompt.adaptive.guess import guessed, guesser
from ..prompt.network_question import NetworkQuestion
from ..prompt.segmenter import SliceImage
from ..prompt.slice_view import SliceView
from ..request import IntensityWindow
from .example import MOST_TRIES, BoolArray, ExampleSource, Float32, one_part
from .simulated_prompts import first_prompts

PICTURE = 256
"""Side of the pictures that are asked about [pixels]; the network is shown a view of them."""

SPACING_MM = (0.4, 1.6)
"""Distance of their pixels, drawn evenly on a logarithmic scale [mm]."""

SURROUNDINGS = (1.2, 2.2)
"""How much longer than box or guess the view of a question is, drawn evenly on a logarithmic scale."""

FAR_SURROUNDINGS = (1.2, 5.0)
"""The same where no box was drawn: the guess of a click may be a part of the structure."""

WHOLE_STRUCTURES = 0.35
"""Share of the structures of several parts that are asked for as a whole, always with a box, not one part alone."""

SEEN = 0.9
"""Mostly a view that shows a smaller share of its structure is replaced by one that shows all."""

REPLACED = 0.7
"""Share of the views that are replaced then; the network must also know views that cut."""

SMALLEST_AREA = 30
"""A structure has at least as many pixels in its view."""

LARGEST_PART = 0.9
"""Share of a structure that its largest part has at least in its view, where no box frames it."""

SECOND_PART = 0.05
"""A structure has several parts if the second has at least this share of it."""

MOST_PARTS = 4
"""A structure that is framed has at most so many parts; nobody draws a box around crumbs."""

LONGEST_CUT = 0.1
"""Share of the view's frame that lies in the structure at most."""


@dataclass(frozen=True, eq=False)
class Question:
    """What the network is shown first, and what is wanted.

    Parameters
    ----------
    channels
        (6, size, size) float32 as `PromptUNet.forward` takes them, without an answer before.
    mask
        (size, size) bool.
    """

    channels: Float32
    mask: BoolArray


class Asker:
    """Asks about the examples of a source.

    Parameters
    ----------
    source
        Draws pictures and structures.
    size
        Side of the views [pixels].
    """

    def __init__(self, source: ExampleSource, size: int) -> None:
        self._source, self._size = source, size
        self._adaptive = guesser(load_catalogue()["adaptive"], ByteBoundedCache(1))

    def ask(self, chance: np.random.Generator) -> Question:
        """Return a question that depends on `chance` alone.

        Raises
        ------
        ValueError
            The source draws nothing that can be asked about.
        """
        for _ in range(MOST_TRIES):  # seldom more than three
            question = self._tried(chance)
            if question is not None:
                return question
        message = "No view of the source's pictures shows a structure."
        raise ValueError(message)

    def _tried(self, chance: np.random.Generator) -> Question | None:
        example = self._source.draw(PICTURE, chance)
        part = one_part(example.mask, chance)
        framed = chance.random() < WHOLE_STRUCTURES and _has_several_parts(example.mask)
        mask = example.mask if framed else part
        if not _can_be_learned(mask, framed=framed):
            return None
        prompts = first_prompts(mask, chance, framed=framed)
        spacing = (float(np.exp(chance.uniform(*np.log(SPACING_MM)))),) * 2
        image = SliceImage(example.image, spacing, IntensityWindow(0, 1), "picture")
        guess = guessed(self._adaptive, image, prompts, Run())
        question = NetworkQuestion(example.image, spacing, prompts, None, guess)
        range_of_views = FAR_SURROUNDINGS if prompts.box_xyxy is None else SURROUNDINGS
        factor = float(np.exp(chance.uniform(*np.log(range_of_views))))
        view = question.view(factor)
        if _share_seen(mask, view) < SEEN and chance.random() < REPLACED:
            view = question.view_with(mask, factor)
        seen = view.taken(mask.astype(np.float32), self._size, outside=0.0) > 0.5
        if not _can_be_learned(seen, framed=prompts.box_xyxy is not None):
            return None
        return Question(question.channels(view, self._size), seen)


def _share_seen(mask: BoolArray, view: SliceView) -> float:
    shown = tuple(slice(max(first, 0), first + length) for first, length in zip(view.first, view.shape, strict=True))
    return float(np.count_nonzero(mask[shown]) / np.count_nonzero(mask))


def _can_be_learned(seen: BoolArray, *, framed: bool) -> bool:
    """Return whether what a view shows of a structure is something that a person would point at, or frame, there."""
    frame = np.concatenate([seen[[0, -1]].ravel(), seen[1:-1, [0, -1]].ravel()])
    sizes = _sizes_of_parts(seen)
    area = int(sizes.sum())
    if area < SMALLEST_AREA or frame.mean() > LONGEST_CUT:
        return False
    return len(sizes) <= MOST_PARTS if framed else bool(sizes[0] >= LARGEST_PART * area)


def _has_several_parts(mask: BoolArray) -> bool:
    sizes = _sizes_of_parts(mask)
    return len(sizes) > 1 and bool(sizes[1] >= SECOND_PART * sizes.sum())


def _sizes_of_parts(mask: BoolArray) -> NDArray[np.int64]:
    """Return the pixels of each part, the largest first."""
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    return np.sort(np.bincount(parts.ravel())[1:])[::-1]
