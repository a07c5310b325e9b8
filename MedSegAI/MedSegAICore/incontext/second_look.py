"""Where to look again, more closely: around what was found, at the resolution of the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..fewshot.slices import SliceStack
from ..request import Combination, IntensityWindow
from .axes import stack_across
from .context_example import ContextExample
from .frames import Box, Frame, box_of_side
from .slice_pass import SlicePass

ROOM = 1.5
"""Side of a closer look, by the longest side of the structure."""

MORE_SLICES = 2
"""Slices on both sides of what was found that are looked at again."""


def hit_box(first: SlicePass, how: Combination) -> tuple[Box, range] | None:
    """Return rows and columns of the slices, and the slices, where a first pass found something; None if nowhere."""
    found = first.combined(how) >= np.float32(0.5)
    box = first.frame.pixel_box(found)
    if box is None:
        return None
    rows = np.flatnonzero(found.any(axis=(1, 2)))
    places = first.places
    start, stop = max(0, int(rows[0]) - MORE_SLICES), min(len(places), int(rows[-1]) + 1 + MORE_SLICES)
    return box, range(places[start], places[stop - 1] + 1)


def closer_side(
    box: Box, stack: SliceStack, contexts: Sequence[ContextExample], label: str, window: IntensityWindow | None
) -> float:
    """Return the side of the field that holds what was found and what all examples show [mm], with room around it."""
    lengths = _lengths(box, stack)
    for context in contexts:
        slices = stack_across(context.example.image, stack.axis, window or context.window)
        lengths += _lengths(drawn_box([slices.mask(context.example.masks[label])]), slices)
    return ROOM * max(lengths)


def closer_frame(box: Box, side_mm: float, stack: SliceStack, side: int) -> Frame:
    """Return the frame of a side [mm] around the middle of a box."""
    centre = ((box[0].start + box[0].stop) / 2, (box[1].start + box[1].stop) / 2)
    return Frame.around(box_of_side(centre, side_mm, stack), stack.spacing, side)


def drawn_box(drawn: Sequence[NDArray[np.bool_]]) -> Box:
    """Return rows and columns around everything drawn (slices, rows, columns), of which there is something."""
    found = []
    for axis in (1, 2):
        used = np.concatenate([np.flatnonzero(mask.any(axis=(0, 3 - axis))) for mask in drawn])
        found.append(slice(int(used.min()), int(used.max()) + 1))
    return found[0], found[1]


def _lengths(box: Box, stack: SliceStack) -> list[float]:
    return [(cut.stop - cut.start) * step for cut, step in zip(box, stack.spacing, strict=True)]
