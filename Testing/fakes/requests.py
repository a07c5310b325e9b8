"""Small requests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from MedSegAICore.engine.frames import Frame
from MedSegAICore.engine.mapped_volume import write_volume
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompts import PointPrompt
from MedSegAICore.request import PromptTask, SegmentationRequest
from MedSegAICore.volume import ImageVolume


def a_volume(seed: int = 0, shape=(4, 6, 5), dtype=np.int16) -> ImageVolume:
    """Return random voxels on an anisotropic grid."""
    array = np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)
    return ImageVolume(array, VolumeGeometry.from_components(shape, (0.7, 0.8, 2.5), (10.0, -20.0, 30.0)))


def a_request(model: str, seed: int = 0, segment: str = "", generation: int = 0, **options) -> SegmentationRequest:
    """Return a request that points at the middle of `a_volume`."""
    image = a_volume(seed, **options)
    center = image.geometry.to_ras([[2.0, 3.0, 2.0]])[0]
    return SegmentationRequest(image, PromptTask((PointPrompt(center),), model=model), segment, generation)


def written(image: ImageVolume, folder: Path) -> Frame:
    """Write a volume at once and return the message that announces it."""
    writing = write_volume(image, folder)
    while True:
        try:
            next(writing)
        except StopIteration as finished:
            return finished.value
