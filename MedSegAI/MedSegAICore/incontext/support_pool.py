"""Slices of the examples on the network's grid, and which of them to show with a slice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..engine.run import Run
from ..fewshot.slices import SliceStack
from ..request import ContextOptions, IntensityWindow
from .axes import axis_of, stack_across
from .context_example import ContextExample
from .frames import Frame, body_box

Float32 = NDArray[np.float32]

MOST_SLICES = 1024
"""That are kept of all examples together."""

THUMBNAIL = 16
"""Rows and columns of the small picture by which slices are compared."""

APPEARANCE = 0.5
"""How much of a distance is 1 minus the correlation of the small pictures."""

UNKNOWN_DISTANCE = 0.25
"""Distance of a slice whose place in its volume is not known; 1 is from one end to the other."""

CHOICE = 2
"""Subsets are drawn of so many times as many slices as a network sees."""

SUBSET = 0.75
"""Share of the slices in a subset where there are too few to leave out more."""

Drawn = Sequence[NDArray[np.bool_]]
FrameMaker = Callable[[SliceStack, Drawn], Frame]
"""Chooses the frame of an example from its slices and its masks (slices, rows, columns), one for each structure."""


def body_frame(side: int) -> FrameMaker:
    """Return what frames the whole body of an example on a grid of `side` pixels."""
    return lambda stack, drawn: Frame.around(body_box(stack, drawn), stack.spacing, side)


@dataclass(frozen=True, eq=False)
class SupportPool:
    """Slices of examples.

    Parameters
    ----------
    pixels
        float16 (n, side, side) from 0 to 1.
    masks
        uint8 (structures, n, side, side), 1 inside and 0 outside.
    positions
        How far along its volume each slice lies, from 0 to 1 [n]; NaN if that is not known.
    looks
        float32 (n, thumbnail pixels), of mean 0 and length 1.
    owners, places
        Number of the example that each is of, among those that have such slices, and which of its slices it is [n].
    """

    pixels: NDArray[np.float16]
    masks: NDArray[np.uint8]
    positions: Float32
    looks: Float32
    owners: NDArray[np.int64]
    places: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        contexts: Sequence[ContextExample],
        labels: Sequence[str],
        axis: int,
        window: IntensityWindow | None,
        frame_of: FrameMaker,
        run: Run,
    ) -> SupportPool:
        """Return the slices across an axis of the examples that have such; there is one at least."""
        fitting = [context for context in contexts if axis_of(context) in (None, axis)]
        most = max(1, MOST_SLICES // len(fitting))
        parts = []
        for number, context in enumerate(fitting):
            run.check()
            parts.append(_slices_of(context, labels, axis, window or context.window, frame_of, most, number))
        return cls(
            pixels=np.concatenate([part.pixels for part in parts]),
            masks=np.concatenate([part.masks for part in parts], axis=1),
            positions=np.concatenate([part.positions for part in parts]),
            looks=np.concatenate([part.looks for part in parts]),
            owners=np.concatenate([part.owners for part in parts]),
            places=np.concatenate([part.places for part in parts]),
        )

    @property
    def size_bytes(self) -> int:
        """Memory that it takes [bytes]."""
        return self.pixels.nbytes + self.masks.nbytes + self.looks.nbytes

    def nearest(self, position: float, look: Float32, count: int) -> NDArray[np.int64]:
        """Return the slices most like one of a query, in order: the best of every example first, then the second best.

        Parameters
        ----------
        position
            How far along its volume the query's slice lies, from 0 to 1.
        look
            As in `looks`, of the query's slice.
        count
            Number of slices, at most.
        """
        apart = np.abs(self.positions - np.float32(position))
        apart = np.where(np.isnan(apart), np.float32(UNKNOWN_DISTANCE), apart)
        distance = apart + APPEARANCE * (1 - self.looks @ look)
        order = np.lexsort((distance, self.owners))
        starts = np.searchsorted(self.owners[order], self.owners[order])
        ranks = np.arange(len(order)) - starts
        return np.asarray(order[np.lexsort((distance[order], ranks))][:count])

    def subsets(self, position: float, look: Float32, options: ContextOptions) -> list[NDArray[np.int64]]:
        """Return the slices to show, once for every subset of the options."""
        if options.subsets == 1:
            return [self.nearest(position, look, options.supports)]
        near = self.nearest(position, look, CHOICE * options.supports)
        count = max(1, min(options.supports, int(SUBSET * len(near))))
        draws = (np.random.default_rng((options.seed, number)) for number in range(options.subsets))
        return [near[np.sort(draw.permutation(len(near))[:count])] for draw in draws]


def looks_of(pixels: NDArray[np.generic]) -> Float32:
    """Return small pictures (n, thumbnail pixels) of mean 0 and length 1, of slices (n, side, side)."""
    maps = torch.from_numpy(np.asarray(pixels, dtype=np.float32))[:, None]
    small = torch.nn.functional.adaptive_avg_pool2d(maps, THUMBNAIL).flatten(1)
    centred = small - small.mean(dim=1, keepdim=True)
    return np.asarray((centred / centred.norm(dim=1, keepdim=True).clamp_min(1e-6)).numpy())


def _slices_of(
    context: ContextExample,
    labels: Sequence[str],
    axis: int,
    window: IntensityWindow | None,
    frame_of: FrameMaker,
    most: int,
    number: int,
) -> SupportPool:
    """Return at most `most` slices of one example."""
    example = context.example
    stack = stack_across(example.image, axis, window)
    nothing = np.zeros(stack.array.shape, np.bool_)
    drawn = [stack.mask(example.masks[label]) if label in example.masks else nothing for label in labels]
    frame = frame_of(stack, drawn)
    count = len(stack.array)
    places = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
    pixels = np.empty((len(places), frame.side, frame.side), np.float16)
    masks = np.zeros((len(labels), *pixels.shape), np.uint8)
    for row, place in enumerate(places):  # one by one: whole volumes in float32 take much memory
        pixels[row] = grid_pixels(stack, int(place), frame)
        for label, mask in enumerate(drawn):
            if mask[place].any():
                masks[label, row] = _grid_mask(mask[place], frame)
    if count > 1:
        positions = (places + 0.5) / count
    else:
        positions = np.array([np.nan if context.position is None else context.position])
    owners = np.full(len(places), number)
    return SupportPool(pixels, masks, positions.astype(np.float32), looks_of(pixels), owners, places)


def grid_pixels(stack: SliceStack, place: int, frame: Frame) -> Float32:
    """Return a slice on the grid as float32 (side, side) from 0 to 1."""
    maps = stack.pixels([place], stack.size).clamp(0, 1)
    return np.asarray(frame.onto(maps)[0, 0].clamp(0, 1).numpy())


def _grid_mask(mask: NDArray[np.bool_], frame: Frame) -> NDArray[np.uint8]:
    """Return a mask (rows, columns) on the grid; what is thinner than a pixel keeps the pixels that it covers most."""
    shares = frame.onto(torch.from_numpy(mask.astype(np.float32))[None, None])[0, 0].numpy()
    return np.asarray(shares >= max(1e-3, min(0.5, float(shares.max()) / 2))).astype(np.uint8)
