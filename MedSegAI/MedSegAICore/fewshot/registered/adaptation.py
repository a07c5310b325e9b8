"""Segment an image by more than whole examples: by slices of other images, and above all by those of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...engine.run import Run
from .classifier import VoxelClassifier
from .features import look_region, voxel_features
from .fitting import trained
from .grids import Float32
from .known_slices import UNKNOWN, KnownSlice, classes_on
from .lessons import LessonTable
from .opinions import decided
from .query import RegisteredQuery, without_stray_parts
from .support_model import SupportModel

KNOWN_SHARE = 0.5
"""Share of the voxels that are learned from which come from the image itself."""

FEWEST_KNOWN = 64
"""From so many known voxels on something is learned of them."""

TRAINING = 0.8
"""Share of the time for learning."""


def classified_knowing(
    model: SupportModel,
    registered: RegisteredQuery,
    known: Sequence[KnownSlice],
    tables: Sequence[LessonTable],
    seed: int,
    run: Run,
) -> Float32:
    """Return the probability (structures, ...) of every structure on the box of a query, learned anew.

    Parameters
    ----------
    model, registered
        What was learned, and the query.
    known
        Slices of the query; there may be none.
    tables
        What is learned from besides the query's own voxels.
    seed
        Of the training.
    run
        Progress and cancel.
    """
    prior = registered.priors.weighted
    classes = classes_on(registered.fine, registered.coarse, registered.image, known)
    sure = prior.copy()  # what is known to be there is looked at, and is no stray part
    for label, of_label in enumerate(sure, start=1):
        of_label[classes == label] = 1
    region = look_region(sure, model.reach)
    answer = np.zeros_like(prior)
    if not region.any():
        return answer
    features = voxel_features(sitk.GetArrayFromImage(registered.fine), prior, region, region, run)
    told = classes[region]
    own = LessonTable(features, prior[:, region], np.ones(len(told), np.bool_), told)
    classifiers = _taught(model, tables, own, seed, run.part(0.0, TRAINING))
    run.step(TRAINING, "classifying")
    mean = np.mean([one.probabilities(features, run) for one in classifiers], axis=0)
    answer[:, region] = decided(prior, region, mean, len(model.scans))
    run.check()
    return without_stray_parts(answer, sure)


def _taught(
    model: SupportModel, tables: Sequence[LessonTable], own: LessonTable, seed: int, run: Run
) -> tuple[VoxelClassifier, ...]:
    """Return classifiers that learn from tables, and from the query's own voxels where enough of them are known."""
    known = np.flatnonzero(own.classes != UNKNOWN)
    if len(known) >= FEWEST_KNOWN:
        others = sum(len(table.classes) for table in tables)
        drawn = _repeated(known, max(len(known), int(others * KNOWN_SHARE / (1 - KNOWN_SHARE))), seed)
        more = LessonTable(own.features[drawn], own.prior[:, drawn], own.looked_at[drawn], own.classes[drawn])
        tables = [*tables, more]
    return trained(tables, len(model.labels) + 1, seed, run)


def _repeated(places: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Return so many of some places, all of them equally often as far as that goes."""
    shuffled = np.random.default_rng(seed).permutation(places)
    return np.resize(shuffled, count)
