"""Learn from a few examples what to segment in the next image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np
import SimpleITK as sitk

from ...engine.run import Run
from ...errors import InvalidSupport
from ..examples import Example, common_labels
from ..learner import Scores
from .alignment import LEAST_SHARE, Alignment, align, covered_by, look_grid
from .classifier import VoxelClassifier
from .grids import (
    Float32,
    Float64,
    as_itk,
    bounded_spacing,
    coarse_image,
    fine_image,
    grid_around,
    normalised,
    used_ranges,
)
from .lessons import SAMPLES, Lesson, LessonTable, Target, leave_one_out, lesson_tables, train_on
from .prior import gather_priors
from .registrations import Registrations
from .scan import Scan
from .support_model import SupportModel
from .warping import warped_to_overlap

FINE_VOXELS = 600_000
"""The box around an example's structures has no more voxels."""

REACH_SHARE, LEAST_REACH = 0.25, 5.0
"""How far structures are looked for: share of their extent, and at least so many voxels."""

WARPED_OVERLAPS = (0.55, 0.65, 0.75, 0.85)
"""Overlaps with itself of the warped mask that stands for the prior of a single example."""

FEW = 2
"""Up to so many examples, registrations alone are too few to learn from."""

NETWORKS = 2
REGISTERING = 0.8
"""Share of the time for registration."""


@dataclass(frozen=True, eq=False)
class Sources:
    """All examples.

    Parameters
    ----------
    images
        The canonical views, float32 from 0 to 1.
    maps
        Their structures, uint8: 1 for the first, and so on.
    scans
        What is kept of them.
    spacing
        Of the voxels that are classified (i, j, k) [mm].
    reach
        How far from the prior structures are looked for [voxels of `spacing`].
    """

    images: tuple[sitk.Image, ...]
    maps: tuple[sitk.Image, ...]
    scans: tuple[Scan, ...]
    spacing: tuple[float, ...]
    reach: float


Alignments = Mapping[tuple[int, int], Alignment]


def fit_supports(
    examples: Sequence[Example], run: Run, seed: int = 0, registrations: Registrations | None = None
) -> tuple[SupportModel, Scores]:
    """Return what one or more examples teach, and how well each is segmented by what the others teach.

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
    classifiers = _train(every_table, len(labels) + 1, seed, training.part(0.5, 1.0))
    return SupportModel(labels, sources.scans, sources.spacing, sources.reach, classifiers), scores


def _samples(examples: int, lessons: Sequence[Lesson]) -> int:
    """Return how many voxels of one lesson are learned from: examples share alike, and one alone gives all it has."""
    return SAMPLES if examples == 1 else SAMPLES // len(lessons)


def _train(tables: Sequence[LessonTable], classes: int, seed: int, run: Run) -> tuple[VoxelClassifier, ...]:
    ends = np.linspace(0, 1, NETWORKS + 1)
    return tuple(
        train_on(tables, classes, seed + number, run.part(float(start), float(end)))
        for number, (start, end) in enumerate(pairwise(ends))
    )


def prepare_sources(examples: Sequence[Example], labels: Sequence[str], run: Run | None = None) -> Sources:
    """Return the examples ready to be registered; raises what `fit_supports` raises."""
    images, run = [], run or Run()
    for example in examples:
        with example.named_in_errors():
            images.append(normalised(example.image, run))
    for example, image in zip(examples, images, strict=True):
        if image.GetDimension() != images[0].GetDimension():
            message = f"{example.title} and the first one are not both slices or both volumes."
            raise InvalidSupport(message, "Choose examples of one kind.")
    maps = [_drawn(example, labels, run) for example in examples]
    native = np.median([image.GetSpacing() for image in images], axis=0)
    sides = np.array([_structure_extent(label_map, run) for label_map in maps])
    spacing = bounded_spacing(sides.max(axis=0) * (1 + 2 * REACH_SHARE), native, FINE_VOXELS)
    reach = max(LEAST_REACH, REACH_SHARE * float(np.exp(np.log(sides / spacing).mean())))
    pairs = zip(images, maps, strict=True)
    scans = tuple(_scan(image, label_map, spacing, reach, run) for image, label_map in pairs)
    return Sources(tuple(images), tuple(maps), scans, tuple(float(step) for step in spacing), reach)


def _drawn(example: Example, labels: Sequence[str], run: Run) -> sitk.Image:
    run.check()
    label_map = example.label_map(labels)
    run.check()
    return as_itk(label_map, example.image.canonical().geometry)


def _structure_extent(label_map: sitk.Image, run: Run) -> Float64:
    run.check()
    used = used_ranges(sitk.GetArrayViewFromImage(label_map) > 0)
    voxels = np.array([along.stop - along.start for along in used[::-1]])
    return np.asarray(voxels * np.array(label_map.GetSpacing()))


def _scan(image: sitk.Image, label_map: sitk.Image, spacing: Float64, reach: float, run: Run) -> Scan:
    run.check()
    structure = sitk.GetArrayViewFromImage(label_map) > 0
    margin = int(np.ceil(2 * reach * float(np.max(spacing / np.array(image.GetSpacing())))))
    grid = grid_around(image, structure, margin, spacing)
    return Scan(coarse_image(image, run), fine_image(image, grid, run), _labels_on(label_map, grid))


def _labels_on(label_map: sitk.Image, grid: sitk.Image) -> sitk.Image:
    identity = sitk.Transform(grid.GetDimension(), sitk.sitkIdentity)
    return sitk.Resample(label_map, grid, identity, sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)


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
    return Target(fine_image(sources.images[number], grid, run), _labels_on(label_map, grid))


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


def warped_lessons(target: Target, labels: int, rng: np.random.Generator, run: Run | None = None) -> list[Lesson]:
    """Return a single example with priors that are its own mask, as wrong as registered ones."""
    masks = one_hot(target.labels, labels)
    return [Lesson(target, warped_to_overlap(masks, overlap, rng, run)) for overlap in WARPED_OVERLAPS]


def one_hot(label_map: sitk.Image, labels: int) -> Float32:
    """Return a label map as float32 masks (structures, ...)."""
    values = sitk.GetArrayViewFromImage(label_map)
    return np.stack([(values == label + 1).astype(np.float32) for label in range(labels)])
