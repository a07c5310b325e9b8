"""Learn from a few examples what to segment in the next image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, permutations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ..engine.run import Run
from ..errors import InvalidSupport
from .classifier import VoxelClassifier, train_classifier
from .examples import Example, common_labels
from .features import appearance_features, look_region, prior_features
from .grids import Float32, Float64, as_itk, bounded_spacing, coarse_image, fine_image, grid_around, normalised
from .prior import Scan, gather_priors
from .registration import Registration, register
from .support_model import SupportModel
from .warping import warped_to_overlap

FINE_VOXELS = 600_000
"""The box around an example's structures has no more voxels."""

REACH_SHARE, LEAST_REACH = 0.25, 5.0
"""How far structures are looked for: share of their extent, and at least so many voxels."""

SAMPLES = 60_000
"""Voxels of one example and prior that are learned from at most."""

WARPED_OVERLAPS = (0.55, 0.65, 0.75, 0.85)
"""Overlaps with itself of the warped mask that stands for the prior of a single example."""

NETWORKS = 2
REGISTERING = 0.8
"""Share of the time for registration."""


def fit_supports(examples: Sequence[Example], run: Run, seed: int = 0) -> SupportModel:
    """Return what one or more examples teach.

    An example's own mask never serves as its prior: that comes from the other examples, or, where there is one
    only, from its mask after random displacements.

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
    scans, spacing, reach = prepare_scans(examples, labels)
    rng = np.random.default_rng(seed)
    registrations = register_pairs(scans, run.part(0.0, REGISTERING))
    priors = leave_one_out_priors(scans, registrations, len(labels), run)
    if len(scans) == 1:
        priors = _warped_priors(scans[0], len(labels), rng)
    features, targets = _training_voxels(scans, priors, reach, rng, run)
    return SupportModel(labels, scans, tuple(spacing), reach, _train(features, targets, len(labels) + 1, seed, run))


def _train(
    features: Float32, targets: NDArray[np.uint8], classes: int, seed: int, run: Run
) -> tuple[VoxelClassifier, ...]:
    ends = np.linspace(REGISTERING, 1, NETWORKS + 1)
    return tuple(
        train_classifier(features, targets, classes, seed + number, run.part(float(start), float(end)))
        for number, (start, end) in enumerate(pairwise(ends))
    )


def prepare_scans(examples: Sequence[Example], labels: Sequence[str]) -> tuple[tuple[Scan, ...], Float64, float]:
    """Return the examples ready to be registered, their common spacing [mm] and how far to look [voxels]."""
    images = [normalised(example.image) for example in examples]
    for example, image in zip(examples, images, strict=True):
        if image.GetDimension() != images[0].GetDimension():
            message = f"{example.title} and the first one are not both slices or both volumes."
            raise InvalidSupport(message, "Choose examples of one kind.")
    maps = [as_itk(example.label_map(labels), example.image.canonical().geometry) for example in examples]
    native = np.median([image.GetSpacing() for image in images], axis=0)
    sides = np.array([_structure_extent(label_map) for label_map in maps])
    spacing = bounded_spacing(sides.max(axis=0) * (1 + 2 * REACH_SHARE), native, FINE_VOXELS)
    reach = max(LEAST_REACH, REACH_SHARE * float(np.exp(np.log(sides / spacing).mean())))
    pairs = zip(images, maps, strict=True)
    return tuple(_scan(image, label_map, spacing, reach) for image, label_map in pairs), spacing, reach


def _structure_extent(label_map: sitk.Image) -> Float64:
    used = np.nonzero(sitk.GetArrayViewFromImage(label_map))
    voxels = np.array([np.ptp(where) + 1 for where in used[::-1]])
    return np.asarray(voxels * np.array(label_map.GetSpacing()))


def _scan(image: sitk.Image, label_map: sitk.Image, spacing: Float64, reach: float) -> Scan:
    structure = sitk.GetArrayViewFromImage(label_map) > 0
    margin = int(np.ceil(2 * reach * float(np.max(spacing / np.array(image.GetSpacing())))))
    grid = grid_around(image, structure, margin, spacing)
    labels = sitk.Resample(label_map, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    return Scan(coarse_image(image), fine_image(image, grid), labels)


def register_pairs(scans: Sequence[Scan], run: Run) -> dict[tuple[int, int], Registration]:
    """Return how each example (the second number) lies on each other one (the first number)."""
    pairs = list(permutations(range(len(scans)), 2))
    found: dict[tuple[int, int], Registration] = {}
    for number, (target, source) in enumerate(pairs):
        run.step(number / len(pairs), f"registering the examples, {number + 1} of {len(pairs)}")
        found[target, source] = register(scans[target].coarse, scans[source].coarse, run)
    return found


def leave_one_out_priors(
    scans: Sequence[Scan], registrations: Mapping[tuple[int, int], Registration], labels: int, run: Run
) -> list[tuple[int, Float32]]:
    """Return for each example its number and the prior (structures, ...) that the others give it; none for one."""
    priors = []
    for target, scan in enumerate(scans):
        others = [source for source in range(len(scans)) if source != target]
        if others:
            ways = [registrations[target, source] for source in others]
            gathered = gather_priors(scan.fine, [scans[source] for source in others], ways, labels, run)
            priors.append((target, gathered.weighted))
    return priors


def _warped_priors(scan: Scan, labels: int, rng: np.random.Generator) -> list[tuple[int, Float32]]:
    masks = one_hot(scan.labels, labels)
    return [(0, warped_to_overlap(masks, overlap, rng)) for overlap in WARPED_OVERLAPS]


def one_hot(label_map: sitk.Image, labels: int) -> Float32:
    """Return a label map as float32 masks (structures, ...)."""
    values = sitk.GetArrayViewFromImage(label_map)
    return np.stack([(values == label + 1).astype(np.float32) for label in range(labels)])


def _training_voxels(
    scans: Sequence[Scan], priors: Sequence[tuple[int, Float32]], reach: float, rng: np.random.Generator, run: Run
) -> tuple[Float32, NDArray[np.uint8]]:
    tables, targets = [], []
    for number, prior in priors:
        run.check()
        labels = sitk.GetArrayFromImage(scans[number].labels)
        region = look_region(prior, reach) | ndimage.binary_dilation(labels > 0, iterations=2)
        appearance = appearance_features(sitk.GetArrayFromImage(scans[number].fine), region, run)
        table = np.concatenate([appearance, prior_features(prior, region)], axis=1)
        drawn = rng.permutation(len(table))[:SAMPLES]
        tables.append(table[drawn])
        targets.append(labels[region][drawn])
    return np.concatenate(tables), np.concatenate(targets)
