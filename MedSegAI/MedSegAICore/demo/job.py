"""What the demo segments, and how it goes about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engine.engine import Engine
from ..errors import GeometryMismatch, InvalidImage
from ..evaluation.click_curve import click_curve
from ..prompts import Prompt
from ..recipe import Recipe
from ..request import PromptTask, SegmentationRequest
from ..result import SegmentationResult
from ..volume import ImageVolume

Mask = NDArray[np.bool_]
Color = tuple[float, float, float]

COLORS: tuple[Color, ...] = (
    (0.96, 0.64, 0.38), (0.91, 0.44, 0.68), (0.34, 0.80, 0.60), (0.37, 0.66, 1.00), (1.00, 0.30, 0.30),
    (0.62, 0.49, 1.00), (1.00, 0.84, 0.04), (0.18, 0.77, 0.71), (0.78, 0.95, 0.21),
)  # fmt: skip
"""Red, green and blue [0..1] of the first segment, the second, and so on; then they repeat."""


@dataclass(frozen=True, eq=False)
class Scan:
    """An image and, where they are known, its true structures by name (masks (k, j, i))."""

    name: str
    image: ImageVolume
    structures: Mapping[str, Mask]


@dataclass(frozen=True, eq=False)
class Segmented:
    """One finished segment.

    Parameters
    ----------
    name
        The structure.
    color
        Red, green and blue [0..1].
    result
        The last answer.
    seconds
        Time of each answer [s]: after the box, after the first click, and so on.
    dice
        Overlap with the truth after each answer; empty without a truth.
    """

    name: str
    color: Color
    result: SegmentationResult
    seconds: tuple[float, ...]
    dice: tuple[float, ...] = ()

    @property
    def recipe(self) -> Recipe:
        """What makes the segment again."""
        return Recipe.from_result(self.result)


def samples(seed: int) -> Iterator[Scan]:
    """Draw the project's own CT and MR."""
    from ..phantom.scanner import abdomen_ct, abdomen_mr  # takes seconds: only where a sample is wanted

    for name, draw in (("CT", abdomen_ct), ("MR", abdomen_mr)):
        phantom = draw(seed)
        yield Scan(name, phantom.image, {title: phantom.labels == label for label, title in phantom.names.items()})


def labelled(name: str, image: ImageVolume, labels: ImageVolume) -> Scan:
    """Return the scan of an image with a label map: every label that is not zero is a structure.

    Raises
    ------
    GeometryMismatch
        The two do not share a grid.
    InvalidImage
        The label map is empty.
    """
    if not image.geometry.matches(labels.geometry):
        message = "The labels do not lie on the grid of the image."
        raise GeometryMismatch(message)
    values = [int(value) for value in np.unique(labels.array) if value != 0]
    if not values:
        message = "The label map holds no label."
        raise InvalidImage(message, "Choose a label map with at least one voxel that is not zero.")
    return Scan(name, image, {f"label {value}": labels.array == value for value in values})


def segment_by_rule(engine: Engine, scan: Scan, model: str, clicks: int) -> Iterator[Segmented]:
    """Segment each structure with a box and `clicks` clicks that the truth places, as a careful user would."""
    for number, (name, truth) in enumerate(scan.structures.items()):
        answers: list[SegmentationResult] = []

        def predict(prompts: tuple[Prompt, ...], answers: list[SegmentationResult] = answers, name: str = name) -> Mask:
            request = SegmentationRequest(scan.image, PromptTask(prompts, model=model), segment=name)
            answers.append(engine.segment(request))
            return np.asarray(answers[-1].mask.full(), dtype=np.bool_)

        curve = click_curve(scan.image, truth, predict, clicks)
        yield Segmented(name, COLORS[number % len(COLORS)], answers[-1], curve.seconds, curve.dice)


def segment_by_hand(engine: Engine, scan: Scan, task: PromptTask) -> Segmented:
    """Segment what the user's own prompts point at."""
    result = engine.segment(SegmentationRequest(scan.image, task, segment="segment"))
    return Segmented("segment", COLORS[0], result, (result.provenance.seconds,))
