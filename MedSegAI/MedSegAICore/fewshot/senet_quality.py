"""How well each example is segmented by what the others show, from some of its slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..engine.run import Run
from ..networks.senet import MULTIPLE
from .examples import Example
from .learner import Scores
from .slices import SliceStack, common_frame

if TYPE_CHECKING:
    from .senet import SENetModel

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

LEAST_SLICES, MOST_SLICES = 2, 12
"""So many slices of every example are asked for."""

PIXELS = 24 << 18
"""About so many pixels go through the network for all examples together, unless the fewest slices have more."""


def leave_one_out(model: SENetModel, examples: Sequence[Example], stacks: Sequence[SliceStack], run: Run) -> Scores:
    """Return the Dice of every structure on some slices of every example, segmented by the others."""
    scores: dict[str, list[float]] = {label: [] for label in model.labels}
    for number, (example, stack) in enumerate(zip(examples, stacks, strict=True)):
        others = replace(model, supports=model.supports[:number] + model.supports[number + 1 :])
        truth = {label: stack.mask(example.masks[label]) for label in model.labels}
        places = _telling_places(others, stack, truth, len(examples))
        part = run.part(number / len(examples), (number + 1) / len(examples))
        found, _ = others.probabilities(stack, places, part)
        winner = _winner(list(found.values()))
        for value, label in enumerate(model.labels, start=1):
            scores[label].append(_dice(winner == value, truth[label][places]))
    return {label: tuple(values) for label, values in scores.items()}


def _telling_places(others: SENetModel, stack: SliceStack, truth: Mapping[str, Bool], examples: int) -> list[int]:
    """Return some of the slices, evenly spread, on which a structure is or might be found."""
    telling = np.any([mask.any(axis=(1, 2)) for mask in truth.values()], axis=0)
    for job in others.jobs(stack, range(len(stack.array)), len(stack.array)):
        telling[job.rows] = True
    places = np.flatnonzero(telling)
    pixels = np.prod(common_frame([stack.size_at(others.spacing)], MULTIPLE))
    most = PIXELS // int(pixels * examples * len(others.supports) * len(truth))
    count = min(len(places), max(LEAST_SLICES, min(most, MOST_SLICES)))
    return [int(places[(2 * number + 1) * len(places) // (2 * count)]) for number in range(count)]


def _winner(probabilities: Sequence[Float32]) -> NDArray[np.int64]:
    """Return 1 where the first structure is likelier than the others and the background, and so on; 0 elsewhere."""
    total = np.maximum(np.sum(probabilities, axis=0), 1)
    shares = [values / total for values in probabilities]
    return np.asarray(np.argmax([1 - np.sum(shares, axis=0), *shares], axis=0))


def _dice(one: Bool, other: Bool) -> float:
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))
