"""Segment an image by what was learned from examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ...engine.run import Run
from ...errors import InvalidImage
from ...volume import ImageVolume, VolumePatch
from .alignment import Alignment, align, covered_by, look_grid
from .features import look_region, voxel_features
from .grids import (
    Float32,
    as_itk,
    as_voxels,
    coarse_image,
    fine_image,
    normalised,
    resampled,
)
from .known_slices import KnownSlice, structures_on
from .opinions import decided
from .prior import Priors, gather_priors
from .registrations import Registrations
from .support_model import SupportModel

CONSISTENT = 0.25
"""A component stays if its highest prior is at least this share of the structure's highest."""


@dataclass(frozen=True, eq=False)
class RegisteredQuery:
    """An image with the examples registered to it.

    Parameters
    ----------
    image
        The image.
    coarse
        The same with few voxels, float32 from 0 to 1.
    fine
        The box of it that may hold structures, float32 from 0 to 1.
    alignments
        How each example lies on the image.
    priors
        What the examples say about the box.
    """

    image: ImageVolume
    coarse: sitk.Image
    fine: sitk.Image
    alignments: tuple[Alignment, ...]
    priors: Priors


def register_query(
    model: SupportModel,
    query: ImageVolume,
    run: Run,
    registrations: Registrations | None = None,
    known: Sequence[KnownSlice] = (),
) -> RegisteredQuery:
    """Return a query with all examples registered to it; its box also holds what is known to be a structure.

    Raises
    ------
    InvalidImage
        The image is too small, or it is a slice and the examples are volumes, or the other way round.
    Cancelled
        The run was stopped.
    """
    run.step(0.0, "reading the image")
    image = normalised(query, run)
    if image.GetDimension() != len(model.spacing):
        kinds = ("slice", "volume") if image.GetDimension() == 2 else ("volume", "slice")
        message = f"The image is a {kinds[0]}, but the examples are {kinds[1]}s."
        raise InvalidImage(message, f"Choose a {kinds[1]}.")
    coarse = coarse_image(image, run)
    alignments, covered = [], structures_on(coarse, coarse, query, known)
    for number, scan in enumerate(model.scans):
        run.step(number / len(model.scans), f"registering example {number + 1} of {len(model.scans)}")
        alignments.append(align(image, coarse, scan, model.spacing, run, registrations))
        covered |= covered_by(alignments[-1], coarse, scan, run)
    fine = fine_image(image, look_grid(coarse, covered, model.spacing, model.reach), run)
    priors = gather_priors(fine, model.scans, alignments, len(model.labels), run)
    return RegisteredQuery(query, coarse, fine, tuple(alignments), priors)


def classified(model: SupportModel, registered: RegisteredQuery, run: Run) -> Float32:
    """Return the probability (structures, ...) of every structure on the box of a query."""
    prior = registered.priors.weighted
    region = look_region(prior, model.reach)
    answer = np.zeros_like(prior)
    if not region.any():
        return answer
    run.step(0.0, "classifying")
    table = voxel_features(sitk.GetArrayFromImage(registered.fine), prior, region, region, run)
    mean = np.mean([one.probabilities(table, run) for one in model.classifiers], axis=0)
    answer[:, region] = decided(prior, region, mean, len(model.scans))
    run.check()
    return without_stray_parts(answer, prior)


def without_stray_parts(answer: Float32, prior: Float32) -> Float32:
    """Return the probabilities (structures, ...) without the components that the prior knows nothing of."""
    kept = answer.copy()
    winner = winners(answer)
    for label, (of_label, known) in enumerate(zip(kept, prior, strict=True)):
        parts, count = ndimage.label(winner == label + 1)
        if count < 2:
            continue
        highest = ndimage.maximum(known, parts, np.arange(1, count + 1))
        stray = 1 + np.flatnonzero(highest < CONSISTENT * max(highest))
        of_label[np.isin(parts, stray)] = 0
    return kept


def winners(probabilities: Float32) -> NDArray[np.int64]:
    """Return 1 where the first structure is likelier than the others and the background, and so on; 0 elsewhere."""
    background = 1 - probabilities.sum(axis=0, keepdims=True)
    return np.asarray(np.concatenate([background, probabilities]).argmax(axis=0))


def patches_of(
    labels: Sequence[str], registered: RegisteredQuery, answer: Float32, run: Run | None = None
) -> dict[str, VolumePatch]:
    """Return probabilities (structures, ...) on the box of a query as patches of the query, in its storage order.

    Raises
    ------
    Cancelled
        The run was stopped.
    """
    view = registered.image.canonical().geometry
    blank = as_itk(np.zeros(view.shape, dtype=np.uint8), view)
    patches = {}
    for label, values in zip(labels, answer, strict=True):
        box = sitk.GetImageFromArray(values)
        box.CopyInformation(registered.fine)
        moved = resampled(box, blank, outside=0.0, run=run)
        whole = as_voxels(moved, view)
        if run is not None:
            run.check()
        patches[label] = VolumePatch.whole(whole, view).tight().in_storage_order(registered.image.geometry)
    return patches
