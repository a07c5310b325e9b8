"""Small people to segment: bright organs in a dim body, everyone bent a little differently."""

from __future__ import annotations

import numpy as np
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.volume import ImageVolume, VolumePatch
from scipy import ndimage

SHAPE = (18, 26, 24)
SPACING_IJK = (2.0, 2.5, 3.0)
BODY, LIVER, KIDNEY = ((0.5, 0.5, 0.5), 0.46), ((0.5, 0.42, 0.36), 0.2), ((0.45, 0.6, 0.68), 0.14)


def ball(shape, centre, radius, bend):
    grid = np.stack([(axis + 0.5) / n for axis, n in zip(np.indices(shape), shape, strict=True)]) + bend
    distance = sum((part - middle) ** 2 for part, middle in zip(grid, centre, strict=True)) ** 0.5
    return distance < radius


def person(seed: int, shape=SHAPE, name: str = "") -> Example:
    """Draw an image with a liver and a kidney; the seed bends the body."""
    rng = np.random.default_rng(seed)
    bend = np.stack([ndimage.gaussian_filter(rng.standard_normal(shape), np.array(shape) / 6) for _ in range(3)])
    bend *= 0.03 / bend.std()
    if shape[0] == 1:
        bend[0] = 0
    body, liver, kidney = (ball(shape, *organ, bend) for organ in (BODY, LIVER, KIDNEY))
    array = 100 * body + 120 * (liver & ~kidney) + 200 * kidney + 10 * rng.standard_normal(shape)
    geometry = VolumeGeometry.from_components(shape, SPACING_IJK, (-30, -30, 10))
    masks = {"liver": liver & ~kidney, "kidney": kidney}
    patches = {label: VolumePatch.whole(mask, geometry) for label, mask in masks.items()}
    return Example(ImageVolume(array.astype(np.float32), geometry), patches, name)
