"""One look of a network at every slice across an axis: answers on its grid, and from there on the slices' pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..consensus import combined
from ..engine.run import Run
from ..fewshot.slices import SliceStack
from ..request import Combination, ContextOptions
from .augmentation import Augmentation
from .context_network import ContextNetwork
from .frames import Frame
from .passes import Countdown
from .support_pool import SupportPool, grid_pixels, looks_of

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

_NOISE_SALT = 7


@dataclass(frozen=True, eq=False)
class SlicePass:
    """What a network says of one structure on slices.

    Parameters
    ----------
    frame
        Where its grid lies.
    places
        The slices, ascending.
    answers
        float16 (answers, n, side, side): probabilities.
    """

    frame: Frame
    places: Sequence[int]
    answers: NDArray[np.float16]

    def combined(self, how: Combination) -> Float32:
        """Return what all answers say together, (n, side, side)."""
        return combined(self.answers, how)

    def answer(self, number: int) -> Float32:
        """Return one of the answers, (n, side, side)."""
        return np.asarray(self.answers[number], dtype=np.float32)


class SliceAsker:
    """Asks a network about slices of one image.

    Parameters
    ----------
    network
        The network.
    stack
        The slices.
    options
        How often it is asked.
    at_once
        Number of supports whose maps are in memory at one time.
    """

    def __init__(self, network: ContextNetwork, stack: SliceStack, options: ContextOptions, at_once: int) -> None:
        self._network, self._stack, self._options, self._at_once = network, stack, options, at_once
        several = options.candidates if network.gives_several else 1
        shape = (several, 1, network.side, network.side)
        generator = torch.Generator().manual_seed(options.seed + _NOISE_SALT)
        self._noise = torch.randn(shape, generator=generator)  # equal on all slices: a candidate is one volume
        drawn = (Augmentation.drawn(options.seed, number) for number in range(options.augmentations))
        self._augmentations = (None, *drawn)
        self.answers = options.subsets * len(self._augmentations) * several

    def look(
        self,
        pool: SupportPool,
        labels: Sequence[int],
        places: Sequence[int],
        frame: Frame,
        position: Callable[[int], float],
        countdown: Countdown,
        run: Run,
    ) -> list[SlicePass]:
        """Return what the network says of some structures of a pool on some slices.

        Parameters
        ----------
        pool
            The examples' slices.
        labels
            Numbers of the structures.
        places, frame
            Which slices, and where the grid lies on them.
        position
            How far along its volume a slice lies, from 0 to 1.
        countdown
            Is told of every answer.
        run
            Ends it between the blocks of the network.
        """
        side = self._network.side
        answers = [np.zeros((self.answers, len(places), side, side), np.float16) for _ in labels]
        for row, place in enumerate(places):
            run.check()
            pixels = grid_pixels(self._stack, place, frame)
            shown = pool.subsets(position(place), looks_of(pixels[None])[0], self._options)
            for found, label in zip(answers, labels, strict=True):
                found[:, row] = self._answers(pixels, pool, label, shown, countdown, run)
        return [SlicePass(frame, places, found) for found in answers]

    def _answers(
        self,
        pixels: Float32,
        pool: SupportPool,
        label: int,
        shown: Sequence[NDArray[np.int64]],
        countdown: Countdown,
        run: Run,
    ) -> Float32:
        """Return all answers (answers, side, side) about one structure on one slice."""
        found = []
        nothing = np.zeros((len(self._noise), *pixels.shape), np.float32)
        for chosen in shown:
            masks = pool.masks[label, chosen]
            for augmentation in self._augmentations:
                # where no slice of the examples shows the structure, there is nothing to find
                found.append(
                    self._asked(pixels, pool.pixels[chosen], masks, augmentation, run) if masks.any() else nothing
                )
                countdown.one(run)
        return np.concatenate(found)

    def _asked(
        self,
        pixels: Float32,
        images: NDArray[np.float16],
        masks: NDArray[np.uint8],
        augmentation: Augmentation | None,
        run: Run,
    ) -> Float32:
        seen = torch.from_numpy(np.concatenate([pixels[None], images.astype(np.float32)]))[:, None]
        if augmentation is not None:
            seen = augmentation.applied(seen)
        labels = torch.from_numpy(masks.astype(np.float32))[:, None]
        found = self._network.probabilities(seen[0], seen[1:], labels, self._noise, self._at_once, run.check)
        return np.asarray(found.numpy())
