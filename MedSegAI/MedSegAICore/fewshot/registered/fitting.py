"""Learn from a few examples what to segment in the next image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np
import SimpleITK as sitk

from ...engine.run import Run
from ..examples import Example, common_labels
from ..learner import Scores
from .alignment import LEAST_SHARE, Alignment, align, covered_by, look_grid
from .classifier import VoxelClassifier
from .grids import fine_image
from .lessons import SAMPLES, Lesson, LessonTable, Target, leave_one_out, lesson_tables, train_on, warped_lessons
from .prior import gather_priors
from .registrations import Registrations
from .scan import Scan
from .sources import Sources, labels_on, prepare_sources
from .support_model import SupportModel

FEW = 2
"""Up to so many examples, registrations alone are too few to learn from."""

NETWORKS = 2
REGISTERING = 0.8
"""Share of the time for registration."""


Alignments = Mapping[tuple[int, int], Alignment]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What examples teach.

    Parameters
    ----------
    model
        What a query needs.
    scores
        How well each example is segmented by what the others teach.
    tables
        What the classifiers were trained on, so that they can be trained with more.
    """

    model: SupportModel
    scores: Scores
    tables: tuple[LessonTable, ...]


def fit_supports(
    examples: Sequence[Example], run: Run, seed: int = 0, registrations: Registrations | None = None
) -> tuple[SupportModel, Scores]:
    """Return what one or more examples teach, and how well each is segmented by what the others teach.

    Raises what `fitted` raises.
    """
    found = fitted(examples, run, seed, registrations)
    return found.model, found.scores


def fitted(
    examples: Sequence[Example],
    run: Run,
    seed: int = 0,
    registrations: Registrations | None = None,
) -> Fitted:
    """Return what one or more examples teach.

    An example's own mask never serves as its prior: that comes from the other examples, and where there are one or
    two only, from its mask after random displacements.

    Raises
    ------
    InvalidSupport
        The examples show different structures, or slices and volumes are mixed.
    InvalidImage
        An image is too small.
    Cancelled
        The run was stopped.
    """
    labels = common_labels(examples)
    run.step(0.0, "reading the examples")
    sources = prepare_sources(examples, labels, run)
    rng = np.random.default_rng(seed)
    alignments = align_pairs(sources, run.part(0.0, REGISTERING), registrations)
    targets = [training_target(sources, number, alignments, run) for number in range(len(sources.scans))]
    lessons = lessons_of(sources.scans, targets, alignments, len(labels), rng, run)
    tables = [lesson_tables(of_one, sources.reach, rng, run, _samples(len(targets), of_one)) for of_one in lessons]
    training = run.part(REGISTERING, 1.0)
    scores = leave_one_out(tables, labels, seed, training.part(0.0, 0.5)) if len(targets) > 1 else {}
    every_table = [table for of_one in tables for table in of_one]
    classifiers = trained(every_table, len(labels) + 1, seed, training.part(0.5, 1.0))
    model = SupportModel(labels, sources.scans, sources.spacing, sources.reach, classifiers)
    return Fitted(model, scores, tuple(every_table))


def fitted_apart(examples: Sequence[Example], run: Run, seed: int = 0) -> Fitted:
    """Return what examples teach, each by itself, in a fraction of the time that `fitted` takes.

    They are not registered to each other: the priors are their own masks after random displacements, one network
    learns, and nothing is known of how well they segment each other. Raises what `fitted` raises.
    """
    labels = common_labels(examples)
    run.step(0.0, "reading the examples")
    sources, rng = prepare_sources(examples, labels, run), np.random.default_rng(seed)
    tables = []
    for number in range(len(examples)):
        lessons = warped_lessons(training_target(sources, number, {}, run), len(labels), rng, run)
        tables += lesson_tables(lessons, sources.reach, rng, run, SAMPLES // len(lessons))
    classifiers = trained(tables, len(labels) + 1, seed, run.part(1 - REGISTERING, 1.0), networks=1)
    model = SupportModel(labels, sources.scans, sources.spacing, sources.reach, classifiers)
    return Fitted(model, {}, tuple(tables))


def _samples(examples: int, lessons: Sequence[Lesson]) -> int:
    """Return how many voxels of one lesson are learned from: examples share alike, and one alone gives all it has."""
    return SAMPLES if examples == 1 else SAMPLES // len(lessons)


def trained(
    tables: Sequence[LessonTable], classes: int, seed: int, run: Run, networks: int = NETWORKS
) -> tuple[VoxelClassifier, ...]:
    """Return the networks whose answers are averaged, trained on lessons for so many classes."""
    ends = np.linspace(0, 1, networks + 1)
    return tuple(
        train_on(tables, classes, seed + number, run.part(float(start), float(end)))
        for number, (start, end) in enumerate(pairwise(ends))
    )


def align_pairs(sources: Sources, run: Run, registrations: Registrations | None = None) -> Alignments:
    """Return how each example (the second number) lies on each other one (the first number)."""
    pairs = list(permutations(range(len(sources.scans)), 2))
    found = {}
    for done, (target, source) in enumerate(pairs):
        run.step(done / len(pairs), f"registering the examples, {done + 1} of {len(pairs)}")
        image, coarse = sources.images[target], sources.scans[target].coarse
        found[target, source] = align(image, coarse, sources.scans[source], sources.spacing, run, registrations)
    return found


def training_target(sources: Sources, number: int, alignments: Alignments, run: Run) -> Target:
    """Return the part of an example that is learned from: where the others expect structures, and where they are."""
    coarse, label_map = sources.scans[number].coarse, sources.maps[number]
    run.check()
    covered = (sitk.GetArrayViewFromImage(label_map) > 0).astype(np.float32)
    run.check()
    structure = sitk.GetImageFromArray(covered)
    structure.CopyInformation(label_map)
    region = sitk.GetArrayFromImage(fine_image(structure, coarse, run)) > LEAST_SHARE
    for (target, source), alignment in alignments.items():
        if target == number:
            region |= covered_by(alignment, coarse, sources.scans[source], run)
    grid = look_grid(coarse, region, sources.spacing, sources.reach)
    return Target(fine_image(sources.images[number], grid, run), labels_on(label_map, grid))


def lessons_of(
    scans: Sequence[Scan],
    targets: Sequence[Target],
    alignments: Alignments,
    labels: int,
    rng: np.random.Generator,
    run: Run,
) -> list[list[Lesson]]:
    """Return the lessons of every example; where there are several examples, the first is what the others make of it.

    Of two examples, one registration that went wrong would be half of all lessons and teach that priors mean nothing,
    so that masks as wrong as registered ones usually are join them.
    """
    if len(targets) == 1:
        return [warped_lessons(targets[0], labels, rng, run)]
    told = leave_one_out_lessons(scans, targets, alignments, labels, run)
    if len(targets) > FEW:
        return [[lesson] for lesson in told]
    return [[lesson, *warped_lessons(lesson.target, labels, rng, run)] for lesson in told]


def leave_one_out_lessons(
    scans: Sequence[Scan], targets: Sequence[Target], alignments: Alignments, labels: int, run: Run
) -> list[Lesson]:
    """Return every example with the prior that the others give it."""
    lessons = []
    for number, target in enumerate(targets):
        others = [source for source in range(len(scans)) if source != number]
        ways = [alignments[number, source] for source in others]
        gathered = gather_priors(target.fine, [scans[source] for source in others], ways, labels, run)
        lessons.append(Lesson(target, gathered.weighted))
    return lessons
