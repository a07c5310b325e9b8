"""A rule in place of a hand: a box first, then one click after the other, each where the error is thickest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry import VolumeGeometry
from ..prompts import PointPrompt, Prompt
from ..volume import ImageVolume
from .metrics import registry
from .metrics.pair import MaskPair
from .next_click import THICKEST, ClickRule, first_box, next_click

Mask = NDArray[np.bool_]
Predict = Callable[[tuple[Prompt, ...]], Mask]
"""Turns prompts into a mask (k, j, i) of the whole volume."""


@dataclass(frozen=True, eq=False)
class Answer:
    """One answer of the method.

    Parameters
    ----------
    prompts
        All prompts that it knew.
    mask
        What it made of them (k, j, i).
    seconds
        Time it took [s].
    """

    prompts: tuple[Prompt, ...]
    mask: Mask
    seconds: float


@dataclass(frozen=True)
class ClickCurve:
    """What one structure took.

    Parameters
    ----------
    dice
        Dice after the box, after the first click, and so on.
    seconds
        Time of each answer [s].
    prompts
        The prompts in the order in which they were placed.
    """

    dice: tuple[float, ...]
    seconds: tuple[float, ...]
    prompts: tuple[Prompt, ...]


def dice(prediction: Mask, truth: Mask) -> float:
    """Return the Dice overlap of two masks; 1 if both are empty."""
    return registry.dice(MaskPair.of(prediction, truth, None))


def answers(
    truth: Mask,
    geometry: VolumeGeometry,
    predict: Predict,
    clicks: int,
    *,
    box_first: bool = True,
    rule: ClickRule = THICKEST,
    random: np.random.Generator | None = None,
) -> Iterator[Answer]:
    """Ask again after each prompt, until nothing is wrong or the clicks are used up.

    Parameters
    ----------
    truth
        The structure (k, j, i); it has at least one voxel.
    geometry
        Its grid.
    predict
        The method under test.
    clicks
        Most clicks; the box is not counted.
    box_first
        Start with the tight box on the middle slice; the first answer is to it alone.
    rule, random
        Where clicks go, see `next_click`.
    """
    prompts: tuple[Prompt, ...] = (first_box(truth, geometry),) if box_first else ()
    prediction = np.zeros_like(truth)
    while True:
        if prompts:
            began = time.perf_counter()
            prediction = predict(prompts)
            yield Answer(prompts, prediction, time.perf_counter() - began)
        placed = [prompt for prompt in prompts if isinstance(prompt, PointPrompt)]
        if len(placed) == clicks:
            return
        click = next_click(prediction, truth, geometry, random, rule, placed)
        if click is None:
            return
        prompts = (*prompts, click)


def click_curve(image: ImageVolume, truth: Mask, predict: Predict, clicks: int, seed: int | None = None) -> ClickCurve:
    """Segment one structure with a box on its middle slice and then `clicks` clicks.

    Parameters
    ----------
    image
        The volume; prompts are placed on its grid.
    truth
        The structure (k, j, i).
    predict
        The method under test.
    clicks
        Number of clicks after the box.
    seed
        Draws among equally deep voxels; None takes the middle one of them.
    """
    random = None if seed is None else np.random.default_rng(seed)
    given = list(answers(truth, image.geometry, predict, clicks, random=random))
    scores = tuple(dice(answer.mask, truth) for answer in given)
    return ClickCurve(scores, tuple(answer.seconds for answer in given), given[-1].prompts)
