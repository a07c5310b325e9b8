"""Lessons from single slices of volumes: they tell what structures look like, not where they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from ...engine.run import Run
from ..examples import Example
from .grids import fine_image, grid_around, normalised
from .lessons import LessonTable, Target, lesson_tables, warped_lessons
from .sources import drawn_map, labels_on
from .support_model import SupportModel

SLICE_SHARE = 0.5
"""Single slices are learned from with at most so many voxels for each one of whole examples."""


def slice_tables(
    slices: Sequence[Example], model: SupportModel, others: Sequence[LessonTable], seed: int, run: Run
) -> list[LessonTable]:
    """Return what slices of volumes tell besides whole examples.

    Parameters
    ----------
    slices
        Slices that show some of the structures, or none.
    model, others
        What whole examples have taught, and the tables of it: slices tell `SLICE_SHARE` as much at most.
    seed
        Of the priors that stand for those of a registration.
    run
        Cancel.
    """
    rng, lessons = np.random.default_rng(seed), []
    for example in slices:
        target = _target_of(example, model, run)
        if target is not None:
            lessons += warped_lessons(target, len(model.labels), rng, run)
    if not lessons:
        return []
    samples = int(SLICE_SHARE * sum(len(table.classes) for table in others) / len(lessons))
    return lesson_tables(lessons, model.reach, rng, run, max(1, samples))


def _target_of(example: Example, model: SupportModel, run: Run) -> Target | None:
    """Return the part of a slice that is learned from; None if no structure is left on its grid."""
    with example.named_in_errors():
        image, label_map = normalised(example.image, run), drawn_map(example, model.labels, run)
    flat = example.image.canonical().geometry.shape.index(1)
    spacing = np.delete(model.spacing[::-1], flat)[::-1]
    structure = sitk.GetArrayViewFromImage(label_map) > 0
    if not structure.any():
        return None
    margin = int(np.ceil(2 * model.reach * float(np.max(spacing / np.array(image.GetSpacing())))))
    grid = grid_around(image, structure, margin, spacing)
    drawn = labels_on(label_map, grid)
    return Target(fine_image(image, grid, run), drawn) if sitk.GetArrayViewFromImage(drawn).any() else None
