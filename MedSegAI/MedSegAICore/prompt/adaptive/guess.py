"""What the adaptive model answers, on a slice that was made small enough to be quick: a first guess for a network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...engine.cache import ByteBoundedCache
from ...engine.run import Run
from ...models.catalogue import ModelSpec
from ..segmenter import Float32, Mask, SliceImage, SlicePrompts
from ..slice_view import resampled
from .segmenter import AdaptiveSegmenter
from .settings import AdaptiveSettings

LARGEST_SIDE = 256
"""Larger slices are averaged to at most so many pixels along their longer side."""

QUICK = replace(AdaptiveSettings(), rounds=3, blocks_across_slice=48.0)
"""A third of the rounds on larger blocks: a guess takes half the time, and the network draws the border anew."""


def guesser(spec: ModelSpec, cache: ByteBoundedCache) -> AdaptiveSegmenter:
    """Return the adaptive model as it guesses for the network of a catalogue entry."""
    return AdaptiveSegmenter(spec.name, spec.capabilities, cache, QUICK)


def guessed(adaptive: AdaptiveSegmenter, image: SliceImage, prompts: SlicePrompts, run: Run) -> Float32:
    """Return the probability (rows, columns) that the adaptive model gives each pixel.

    Raises
    ------
    Cancelled
        The run was cancelled.
    """
    image = replace(image, key=f"{image.key} guessed")  # what the adaptive model itself has found is kept apart
    factor = -(-max(image.pixels.shape) // LARGEST_SIDE)
    if factor == 1:
        return adaptive.segment_slice(image, prompts, run).probability
    rows, columns = image.spacing_mm
    small = replace(
        image,
        pixels=_averaged(image.pixels, factor),
        spacing_mm=(rows * factor, columns * factor),
        key=f"{image.key} over {factor}",
    )
    answer = adaptive.segment_slice(small, _reduced(prompts, factor), run).probability
    height, width = image.pixels.shape
    large = resampled(answer, (answer.shape[0] * factor, answer.shape[1] * factor))
    return np.ascontiguousarray(large[:height, :width])


def _reduced(prompts: SlicePrompts, factor: int) -> SlicePrompts:
    """Return prompts on pixels that are `factor` times as long and wide."""
    box = prompts.box_xyxy
    if box is not None:
        first, last = box[:2] / factor, (box[2:] + 1) / factor - 1
        box = np.concatenate([first, np.maximum(first, last)])
    guess = prompts.previous_mask
    return replace(
        prompts,
        points_xy=(prompts.points_xy + 0.5) / factor - 0.5,
        box_xyxy=box,
        inside=_any(prompts.inside, factor),
        outside=_any(prompts.outside, factor),
        enclosed=_any(prompts.enclosed, factor),
        previous_mask=None if guess is None else _averaged(guess, factor),
        earlier=None,
    )


def _averaged(picture: Float32, factor: int) -> Float32:
    """Return the means of squares of pixels; the picture's edge goes on where they reach beyond it."""
    return np.asarray(_squares(picture, factor, "edge").mean(axis=(1, 3), dtype=np.float32))


def _any(mask: Mask | None, factor: int) -> Mask | None:
    return None if mask is None else np.asarray(_squares(mask, factor, "constant").any(axis=(1, 3)))


def _squares(picture: NDArray[Any], factor: int, beyond: Any) -> NDArray[Any]:
    rows, columns = picture.shape
    whole = np.pad(picture, ((0, -rows % factor), (0, -columns % factor)), mode=beyond)
    return whole.reshape(whole.shape[0] // factor, factor, whole.shape[1] // factor, factor)
