"""The interactive protocol: a box first, then one click after the other, each where the error is thickest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..prompts import Prompt
from ..volume import ImageVolume
from .next_click import first_box, next_click

Mask = NDArray[np.bool_]
Predict = Callable[[tuple[Prompt, ...]], Mask]
"""Turns prompts into a mask (k, j, i) of the whole volume."""


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
    total = int(np.count_nonzero(prediction)) + int(np.count_nonzero(truth))
    return 1.0 if total == 0 else 2.0 * int(np.count_nonzero(prediction & truth)) / total


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
    prompts: tuple[Prompt, ...] = (first_box(truth, image.geometry),)
    scores, seconds = [], []
    while True:
        began = time.perf_counter()
        prediction = predict(prompts)
        seconds.append(time.perf_counter() - began)
        scores.append(dice(prediction, truth))
        click = next_click(prediction, truth, image.geometry, random)
        if click is None or len(prompts) > clicks:
            return ClickCurve(tuple(scores), tuple(seconds), prompts)
        prompts = (*prompts, click)
