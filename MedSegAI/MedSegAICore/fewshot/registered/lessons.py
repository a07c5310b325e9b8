"""What is learned from: voxels of examples, each with a prior as a query has one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ...engine.run import Run
from ..learner import Scores
from .classifier import VoxelClassifier, train_classifier
from .features import look_region, voxel_features
from .grids import Float32
from .opinions import blended
from .quality import label_dice
from .query import winners
from .warping import warped_to_overlap

SAMPLES = 60_000
"""Voxels of one lesson that are learned from at most."""

WARPED_OVERLAPS = (0.55, 0.65, 0.75, 0.85)
"""Overlaps with itself of the warped mask that stands for the prior of a single example."""


@dataclass(frozen=True, eq=False)
class Target:
    """The part of an example that is learned from: intensities, and on the same grid the structures."""

    fine: sitk.Image
    labels: sitk.Image


@dataclass(frozen=True, eq=False)
class Lesson:
    """An example with a prior (structures, ...) for it, as a query has one."""

    target: Target
    prior: Float32


@dataclass(frozen=True, eq=False)
class LessonTable:
    """Some voxels of a lesson, drawn at random.

    Parameters
    ----------
    features
        What the classifier knows of them (n, features).
    prior
        Probability of every structure (structures, n).
    looked_at
        Which of them a query would be looked at (n,).
    classes
        What they are (n,): 0 for the background.
    """

    features: Float32
    prior: Float32
    looked_at: NDArray[np.bool_]
    classes: NDArray[np.uint8]


def lesson_tables(
    lessons: Sequence[Lesson], reach: float, rng: np.random.Generator, run: Run, samples: int = SAMPLES
) -> list[LessonTable]:
    """Return voxels of every lesson, `samples` at most: where structures would be looked for, and where they are."""
    tables = []
    for lesson in lessons:
        run.check()
        labels = sitk.GetArrayFromImage(lesson.target.labels)
        looked_at = look_region(lesson.prior, reach)
        region = looked_at | ndimage.binary_dilation(labels > 0, iterations=2)
        image = sitk.GetArrayFromImage(lesson.target.fine)
        features = voxel_features(image, lesson.prior, region, looked_at, run)
        run.check()
        drawn = rng.permutation(len(features))[:samples]
        table = LessonTable(
            features[drawn], lesson.prior[:, region][:, drawn], looked_at[region][drawn], labels[region][drawn]
        )
        tables.append(table)
    return tables


def train_on(tables: Sequence[LessonTable], classes: int, seed: int, run: Run) -> VoxelClassifier:
    """Return a classifier trained on lessons; raises what `train_classifier` raises."""
    features = np.concatenate([table.features for table in tables])
    return train_classifier(features, np.concatenate([table.classes for table in tables]), classes, seed, run)


def leave_one_out(tables: Sequence[Sequence[LessonTable]], labels: Sequence[str], seed: int, run: Run) -> Scores:
    """Return the Dice of every structure on every example, classified by what the other examples teach.

    Parameters
    ----------
    tables
        Those of every example, at least two; the prior of the first comes from the other examples. Dice is that of
        its voxels.
    labels
        Names of the structures.
    seed
        Of the training.
    run
        Progress and cancel.
    """
    found = []
    for number, (table, *_) in enumerate(tables):
        part = run.part(number / len(tables), (number + 1) / len(tables))
        others = [other for place, of_one in enumerate(tables) if place != number for other in of_one]
        classifier = train_on(others, len(labels) + 1, seed, part)
        answer = np.where(table.looked_at, blended(table.prior, classifier.probabilities(table.features, part)), 0)
        found.append(label_dice(winners(answer), table.classes, len(labels)))
    return {label: tuple(scores) for label, scores in zip(labels, zip(*found, strict=True), strict=True)}


def warped_lessons(target: Target, labels: int, rng: np.random.Generator, run: Run | None = None) -> list[Lesson]:
    """Return a single example with priors that are its own mask, as wrong as registered ones."""
    masks = one_hot(target.labels, labels)
    return [Lesson(target, warped_to_overlap(masks, overlap, rng, run)) for overlap in WARPED_OVERLAPS]


def one_hot(label_map: sitk.Image, labels: int) -> Float32:
    """Return a label map as float32 masks (structures, ...)."""
    values = sitk.GetArrayViewFromImage(label_map)
    return np.stack([(values == label + 1).astype(np.float32) for label in range(labels)])
