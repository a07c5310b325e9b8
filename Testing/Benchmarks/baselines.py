"""Two classic interactive methods as rows of the accuracy table: a random walker and region growing.

Both see the same prompts and the same part of the image as the adaptive model, and both get what helps them:
intensities clipped to the surroundings of the box, prompts as discs or balls instead of single voxels, and
numbers that were chosen for the best mean on the table's own structures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from MedSegAICore.prompt.adaptive.evidence import Enclosure, Evidence, evidence_in_volume
from MedSegAICore.prompt.adaptive.segmenter import region_of_interest
from MedSegAICore.prompts import Prompt
from MedSegAICore.volume import ImageVolume, VolumePatch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import random_walker

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

WALK_BETA = 5000.0
"""Weight of intensity differences; scikit-image's default of 130 scores 0.2 on organs of this contrast."""

GROW_MULTIPLIER = 1.0
"""Standard deviations of the grown region that a voxel may differ from its mean."""

SMOOTHING_STEPS = 1
"""Steps of curvature flow before growing."""

GROW_ROUNDS = 2
"""Iterations of the confidence-connected filter."""


@dataclass(frozen=True, eq=False)
class Field:
    """What a baseline works on: intensities [0, 1] of a part of the volume and the seeds (k, j, i) in it."""

    intensities: Float32
    spacing_mm: Float64
    inside: Mask
    outside: Mask
    shut_out: Mask
    offset: tuple[int, int, int]
    middles: NDArray[np.int_]
    """The box's centre and the positive clicks (n, 3)."""


def walk(image: ImageVolume, prompts: tuple[Prompt, ...]) -> Mask:
    """Segment with scikit-image's random walker.

    Inside: an ellipse of half the box's sides, and positive clicks. Outside: its slice beyond the box, negative
    clicks, and the faces of the part that are not the image's own.
    """
    canonical = image.canonical()
    field = _field(canonical, prompts)
    faces = np.zeros(field.inside.shape, dtype=np.bool_)
    for axis in range(3):
        ends = np.moveaxis(faces, axis, 0)
        ends[0] |= field.offset[axis] > 0
        ends[-1] |= field.offset[axis] + len(ends) < canonical.array.shape[axis]
    labels = np.zeros(faces.shape, dtype=np.int32)
    labels[faces | field.shut_out] = 2
    labels[field.outside] = 2
    labels[field.inside] = 1
    spacing = field.spacing_mm / field.spacing_mm.min()
    found = random_walker(field.intensities, labels, beta=WALK_BETA, mode="cg_j", spacing=spacing)
    return _whole(found == 1, field, image, canonical)


def grow(image: ImageVolume, prompts: tuple[Prompt, ...]) -> Mask:
    """Segment with SimpleITK's confidence-connected region growing.

    It grows from the box's centre and the positive clicks on an image smoothed by curvature flow. What lies
    beyond the box on its slice, and a ball around each negative click, cannot be entered. Positive clicks add
    their ball, and holes are closed.
    """
    canonical = image.canonical()
    field = _field(canonical, prompts)
    picture = sitk.GetImageFromArray(field.intensities)
    picture.SetSpacing([float(size) for size in field.spacing_mm[::-1]])
    smooth = sitk.GetArrayFromImage(sitk.CurvatureFlow(picture, timeStep=0.05, numberOfIterations=SMOOTHING_STEPS))
    barrier = (field.shut_out | field.outside) & ~field.inside
    smooth[barrier] = -10.0
    picture = sitk.GetImageFromArray(smooth)
    seeds = [tuple(int(n) for n in voxel[::-1]) for voxel in field.middles if not barrier[tuple(voxel)]]
    grown = sitk.ConfidenceConnected(
        picture, seeds, numberOfIterations=GROW_ROUNDS, multiplier=GROW_MULTIPLIER, initialNeighborhoodRadius=1
    )
    found = (sitk.GetArrayFromImage(grown) > 0) | field.inside
    closed = ndimage.binary_closing(np.pad(found, 1), iterations=1)[1:-1, 1:-1, 1:-1]
    return _whole(ndimage.binary_fill_holes(closed) & ~barrier, field, image, canonical)


def _field(canonical: ImageVolume, prompts: tuple[Prompt, ...]) -> Field:
    """Return the part of a canonical volume that the prompts concern, with their seeds; one flat box is needed."""
    evidence = evidence_in_volume(prompts, canonical.geometry)
    spacing = canonical.geometry.spacing_kji
    low, high = region_of_interest(evidence, spacing)
    first = np.clip(np.floor(low / spacing), 0, np.array(canonical.array.shape) - 1).astype(int)
    last = np.clip(np.ceil(high / spacing) + 1, first + 1, canonical.array.shape).astype(int)
    part = np.asarray(canonical.array[tuple(slice(a, b) for a, b in zip(first, last, strict=True))], np.float32)
    positions = (np.indices(part.shape).reshape(3, -1).T + first) * spacing
    relative, on_slice = _in_box(evidence.enclosures[0], positions, spacing)
    in_box = on_slice & (relative[:, :2] <= 1).all(axis=1)
    ellipse = on_slice & ((relative[:, :2] ** 2).sum(axis=1) <= 0.25)
    near = on_slice & (relative[:, :2] <= 1.7).all(axis=1)
    lowest, highest = np.percentile(part.ravel()[near], (1, 99))
    inside = ellipse.reshape(part.shape)
    outside, positive = _balls(evidence, part.shape, first, spacing)
    return Field(
        intensities=np.clip((part - lowest) / max(highest - lowest, 1e-6), 0, 1),
        spacing_mm=spacing,
        inside=(inside & ~outside) | positive,
        outside=outside & ~positive,
        shut_out=(on_slice & ~in_box).reshape(part.shape),
        offset=(int(first[0]), int(first[1]), int(first[2])),
        middles=np.clip(
            np.round(np.stack(_inside_points(evidence)) / spacing).astype(int) - first, 0, last - first - 1
        ),
    )


def _in_box(box: Enclosure, positions: Float64, spacing: Float64) -> tuple[Float64, Mask]:
    """Return positions (n, 3) relative to the box's half sides, as sizes, and which lie on its slice."""
    along = np.abs((positions - box.centre_mm) @ box.axes)
    thickness = float(np.abs(box.axes[:, 2]) @ spacing) / 2
    return along / np.maximum(box.half_mm, 1e-6), along[:, 2] <= thickness + 1e-6


def _balls(evidence: Evidence, shape: tuple[int, ...], first: NDArray[np.int_], spacing: Float64) -> tuple[Mask, Mask]:
    """Return the voxels around the negative and the positive clicks: a voxel and its nearest neighbours.

    A negative click reaches a quarter of the way to the nearest place that is inside, so that it shuts a leak.
    """
    known = _inside_points(evidence)
    outside, positive = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    index = np.indices(shape)
    for stroke in evidence.strokes:
        centre = stroke.positions_mm[0]
        nearest = min(float(np.linalg.norm(centre - other)) for other in known)
        radius = 1.01 * float(spacing.max()) if stroke.positive else max(1.01 * float(spacing.max()), nearest / 4)
        distance = sum(
            ((axis + start) * size - at) ** 2
            for axis, start, size, at in zip(index, first, spacing, centre, strict=True)
        )
        (positive if stroke.positive else outside)[distance <= radius**2] = True
    return outside, positive


def _inside_points(evidence: Evidence) -> list[Float64]:
    """Return the box's centre and the positive clicks, as positions (3,) [mm]."""
    return [evidence.enclosures[0].centre_mm, *(stroke.positions_mm[0] for stroke in evidence.positive_strokes())]


def _whole(found: Mask, field: Field, image: ImageVolume, canonical: ImageVolume) -> Mask:
    patch = VolumePatch(found, field.offset, canonical.geometry).in_storage_order(image.geometry)
    return patch.full().astype(np.bool_)
