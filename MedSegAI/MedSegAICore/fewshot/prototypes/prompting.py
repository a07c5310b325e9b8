"""Prompt a promptable model by what examples show, instead of by hand.

Source: Zhang et al., Personalize Segment Anything Model with One Shot, ICLR 2024 (PerSAM): the mean feature of the
structure gives a map of likeness, its highest point a positive click, and the answer is refined twice, by its own
mask and by the box around that. Negative clicks guard the background (the idea of FoB, Focus on Background): one on
each side of the ring around the structure keeps the answer from leaking.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from ...engine.run import Run
from ...prompt.click_box import bounding_box
from ...prompt.segmenter import PromptSegmenter, SliceImage, SlicePrompts
from ..registered.grids import Float32
from .encoders import SHOWN, SliceEncoder
from .expectation import Expectation
from .knowledge import Knowledge
from .likeness import SHOTS
from .pooling import SHARPNESS, cosine_scores, masked_mean
from .shots import Seen, nearest

LIKELY = 0.5
"""Prior from which a pixel is expected to be inside; half the slice's highest prior where that is lower."""

LEAST_EXPECTED = 0.2
"""Slices where no pixel has this prior are not prompted."""

RING_POINTS = 4
"""Negative clicks around the structure, one for each side."""

RING_WIDTH = 0.25
"""Distance of the ring's ends from the structure, as share of its diameter."""

REFINEMENTS = 2

MOST_PROBABILITIES = 1 << 26
"""No more are kept of all slices together (256 MiB); the box that is looked at in the end holds far fewer."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Target:
    """What is looked for on one slice.

    Parameters
    ----------
    likeness
        Cosine [-1, 1] of each pixel with the structure: float32 (rows, columns).
    prior
        Probability that registration expects of each pixel: float32 (rows, columns).
    """

    likeness: Float32
    prior: Float32

    @property
    def expected(self) -> Mask:
        """Where the structure is expected."""
        return self.prior >= min(LIKELY, 0.5 * float(self.prior.max()))


class ByPrompts:
    """A promptable model, clicked at where its own features are like the examples'.

    Parameters
    ----------
    encoder
        Makes the features; best of the same model, whose cache then holds them.
    segmenter
        Answers the prompts.
    """

    prior_share = 0.4

    def __init__(self, encoder: SliceEncoder, segmenter: PromptSegmenter) -> None:
        self.encoder = encoder
        self._segmenter = segmenter

    def on_slices(self, knowledge: Knowledge, expectation: Expectation, run: Run) -> Float32:
        """Return the model's answers: float32 (structures, n, rows, columns), coarser than pixels if they are many."""
        pictures, slices = expectation.pictures, expectation.slices
        size = kept_size(len(knowledge.labels) * pictures.count, pictures.shape)
        found = np.zeros((len(knowledge.labels), pictures.count, *size), dtype=np.float32)
        for done, index in enumerate(slices):
            run.step(done / len(slices), "prompting the model")
            image = SliceImage(pictures.picture(index), pictures.spacing, SHOWN, pictures.slice_key(index))
            for structure in range(len(knowledge.labels)):
                target = self._target(knowledge, expectation, structure, index, run)
                if target is not None:
                    found[structure, index] = _shrunken(prompted(self._segmenter, image, target, run), size)
        return found

    def _target(
        self, knowledge: Knowledge, expectation: Expectation, structure: int, index: int, run: Run
    ) -> Target | None:
        prior = expectation.prior[structure, index]
        seen = nearest(knowledge.shots, structure, expectation.depth(structure, index), SHOTS)
        if not seen or prior.max() < LEAST_EXPECTED:
            return None
        features = expectation.pictures.embed(index, self.encoder, run)
        shape = expectation.pictures.shape
        return Target(_at_pixels(likeness_to(seen, features), shape), _at_pixels(torch.from_numpy(prior), shape))


def likeness_to(seen: list[Seen], features: Tensor) -> Tensor:
    """Return the cosine (h, w) of features (channels, h, w) with the mean feature of a structure."""
    prototype = torch.stack([masked_mean(one.features[None], one.covered[None])[0] for one in seen]).mean(dim=0)
    return cosine_scores(features[None], prototype)[0] / SHARPNESS


def kept_size(answers: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Return how many (rows, columns) are kept of each of so many answers on slices of a shape."""
    scale = min(1.0, (MOST_PROBABILITIES / (answers * shape[0] * shape[1])) ** 0.5)
    rows, columns = (max(1, int(length * scale)) for length in shape)
    return rows, columns


def prompted(segmenter: PromptSegmenter, image: SliceImage, target: Target, run: Run) -> Float32:
    """Return a promptable model's probability (rows, columns) of the target, after its refinements.

    Parameters
    ----------
    segmenter, image
        The model and the slice.
    target
        What is looked for.
    run
        Progress and cancel.
    """
    refines = "mask" in segmenter.capabilities.prompts
    prompts = prompts_for(target)
    answer = segmenter.segment_slice(image, prompts, run)
    for _ in range(REFINEMENTS):
        inside = answer.probability > 0.5
        if not (inside & target.expected).any():
            break
        run.check()
        again = replace(prompts, box_xyxy=bounding_box(inside), previous_mask=answer.probability if refines else None)
        answer = segmenter.segment_slice(image, again, run)
    return answer.probability


def prompts_for(target: Target) -> SlicePrompts:
    """Return a positive click, negative ones on the ring around the structure, and the box around it."""
    expected = target.expected
    positive = _highest(np.where(expected, target.likeness, -np.inf))
    negative = ring_points(target.likeness, expected)
    points = np.array([positive, *negative], dtype=np.float64)
    signs = np.arange(len(points)) == 0
    return SlicePrompts(points, signs, box_xyxy=bounding_box(expected))


def ring_points(likeness: Float32, inside: Mask) -> list[tuple[int, int]]:
    """Return the least alike pixel (column, row) of each quarter of the ring around a mask (rows, columns)."""
    diameter = 2 * float(np.sqrt(np.count_nonzero(inside) / np.pi))
    distance = ndimage.distance_transform_edt(~inside)
    ring = (distance > max(2.0, RING_WIDTH * diameter / 2)) & (distance <= max(4.0, RING_WIDTH * diameter))
    rows, columns = np.indices(inside.shape)
    middle = np.argwhere(inside).mean(axis=0)
    angle = np.arctan2(rows - middle[0], columns - middle[1])
    quarter = np.floor((angle / np.pi + 1.25) * 2).astype(int) % RING_POINTS
    points = []
    for number in range(RING_POINTS):
        part = ring & (quarter == number)
        if part.any():
            points.append(_highest(np.where(part, -likeness, -np.inf)))
    return points


def _highest(values: Float32) -> tuple[int, int]:
    """Return the (column, row) of the highest value."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return int(column), int(row)


def _at_pixels(values: Tensor, shape: tuple[int, int]) -> Float32:
    enlarged = functional.interpolate(values[None, None], shape, mode="bilinear", align_corners=False)
    return np.asarray(enlarged[0, 0].numpy(), dtype=np.float32)


def _shrunken(probability: Float32, size: tuple[int, int]) -> Float32:
    if probability.shape == size:
        return probability
    return np.asarray(functional.adaptive_avg_pool2d(torch.from_numpy(probability)[None], size)[0].numpy())
