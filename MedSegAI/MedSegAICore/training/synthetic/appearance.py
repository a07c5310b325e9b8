"""What scanners nobody has built would make of a drawn body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..example import Float32
from .canvas import Template
from .fields import fractal_noise


@dataclass(frozen=True, eq=False)
class Contrast:
    """How bright and how grainy every label is.

    Parameters
    ----------
    means, deviations, textures
        (labels,) float32: mean, deviation of the noise, and strength of the texture of each label.
    """

    means: Float32
    deviations: Float32
    textures: Float32

    def jittered(self, chance: np.random.Generator) -> Contrast:
        """Return the contrast of another image of the same kind."""
        moved = self.means + chance.normal(0, 0.03, len(self.means)).astype(np.float32)
        return Contrast(moved, self.deviations, self.textures)


def draw_contrast(template: Template, chance: np.random.Generator) -> Contrast:
    """Return intensities of a Gaussian mixture over 0..1.

    Each label has a mean of its own, or one that differs little from what it lies in, as soft tissues do in CT.
    """
    count = len(template.parents)
    means = chance.uniform(0, 1, count)
    if chance.random() < 0.5:
        spread = chance.uniform(0.08, 0.3)
        for label in range(2, count):
            means[label] = means[template.parents[label]] + spread * chance.choice([-1, 1]) * chance.uniform(0.35, 1.2)
    if chance.random() < 0.5:
        means[0] = 0
    deviations = chance.uniform(0, 0.04) * chance.uniform(0.5, 1.5, count)
    textures = chance.uniform(0, 0.08, count) * (chance.random(count) < 0.7)
    if means[0] == 0:
        deviations[0] *= chance.uniform(0, 0.6)
        textures[0] = 0
    return Contrast(*(values.astype(np.float32) for values in (means, deviations, textures)))


def shadow(template: Template, chance: np.random.Generator) -> Float32:
    """Return what another body adds to every pixel, as radiographs show what lies behind: of mean 0."""
    added = chance.uniform(-1, 1, len(template.parents)).astype(np.float32)[template.labels]
    soft = ndimage.gaussian_filter(added, chance.uniform(0.5, 3), truncate=3)
    strength = chance.uniform(0.03, 0.25) / max(float(soft.std()), 1e-3)
    return np.asarray((soft - soft.mean()) * np.float32(strength), dtype=np.float32)


def scanned(
    labels: NDArray[np.uint8], contrast: Contrast, chance: np.random.Generator, behind: Float32 | None = None
) -> Float32:
    """Return an image of a label map (size, size): partial volume, texture and noise.

    Parameters
    ----------
    labels
        What is seen.
    contrast
        How bright.
    chance
        Draws.
    behind
        (size, size) what is added to every pixel before the noise.
    """
    size = labels.shape[0]
    clean = contrast.means[labels]
    texture = fractal_noise(size, chance.uniform(6, size / 3), chance)
    clean += contrast.textures[labels] * texture
    clean = ndimage.gaussian_filter(clean, chance.uniform(0.3, 1.2), truncate=3)
    if behind is not None:
        clean += behind
    noise = chance.standard_normal((size, size), dtype=np.float32)
    if chance.random() < 0.5:  # grains as wide as the reconstruction leaves them
        noise = ndimage.gaussian_filter(noise, chance.uniform(0.4, 1.2, 2), truncate=3)
        noise /= noise.std()
    image: Float32 = clean + contrast.deviations[labels] * noise
    return image
