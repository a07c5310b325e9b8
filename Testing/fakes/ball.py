"""A bright ball in noise, and prompts on it."""

from __future__ import annotations

import numpy as np
from MedSegAICore.engine.engine import Engine
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompts import BoxPrompt, MaskPrompt, SlicePlane
from MedSegAICore.request import PromptTask, SegmentationRequest
from MedSegAICore.volume import ImageVolume, VolumePatch

SHAPE = (14, 40, 44)
SPACING = (1.0, 1.0, 2.5)
CENTER = (7, 19, 22)
RADIUS = 10.0


def ball_on(geometry: VolumeGeometry, center=CENTER, radius=RADIUS) -> np.ndarray:
    kji = np.argwhere(np.ones(geometry.shape, bool))
    place = geometry.to_ras(kji[:, ::-1]) - geometry.to_ras(center[::-1])
    return (np.linalg.norm(place, axis=1) <= radius).reshape(geometry.shape)


def scan(shape=SHAPE, spacing=SPACING, axes=None, radius=RADIUS) -> tuple[ImageVolume, np.ndarray]:
    """A bright ball in noise."""
    geometry = VolumeGeometry.from_components(shape, spacing, (-20, 30, 100), axes)
    truth = ball_on(geometry, tuple((n - 1) // 2 for n in shape), radius)
    noise = np.random.default_rng(0).normal(40, 8, shape)
    return ImageVolume((noise + 60 * truth).astype(np.float32), geometry), truth


def middle(image: ImageVolume) -> np.ndarray:
    """World position of the voxel in the middle."""
    return image.geometry.to_ras([(n - 1) // 2 for n in image.array.shape[::-1]])[0]


def plane_of(image: ImageVolume, axis: int = 0) -> SlicePlane:
    return SlicePlane.of_slice(image.geometry, axis, (image.array.shape[axis] - 1) // 2)


def box_in(image: ImageVolume, half: float = 11, plane: SlicePlane | None = None) -> BoxPrompt:
    plane = plane or plane_of(image)
    reach = half * (plane.right_ras + plane.down_ras)
    return BoxPrompt.on_plane(plane, middle(image) - reach, middle(image) + reach)


def segmented(image: ImageVolume, *prompts, engine: Engine | None = None, **options):
    return (engine or Engine()).segment(SegmentationRequest(image, PromptTask(prompts, **options)))


def everywhere(image: ImageVolume, **changes) -> MaskPrompt:
    array = np.ones(image.array.shape, bool)
    return MaskPrompt(VolumePatch.whole(array, image.geometry), **changes)
