"""Other intensities for slice and examples alike: one more answer from any network.

Tyche-IS of Rakic et al., Tyche: Stochastic In-Context Learning for Medical Image Segmentation, CVPR 2024
(arXiv:2401.13650). Nothing is moved, so answers lie on the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

BLUR_PIXELS = 5
"""Rows and columns of the Gaussian."""

_NOISE_SALT = 1


@dataclass(frozen=True)
class Augmentation:
    """A change of intensities, made in this order.

    Parameters
    ----------
    blur
        Standard deviation of a Gaussian [pixels]; 0 for none.
    brightness, contrast
        Added to intensities; a factor around their mean.
    sharpness
        How much of the difference to a blurred image is added.
    noise
        Standard deviation of white noise.
    inverted
        Whether black and white are exchanged.
    seed
        Of the noise.
    """

    blur: float = 0.0
    brightness: float = 0.0
    contrast: float = 1.0
    sharpness: float = 0.0
    noise: float = 0.0
    inverted: bool = False
    seed: int = 0

    @classmethod
    def drawn(cls, seed: int, number: int) -> Augmentation:
        """Return one of the paper's; at least one of its parts does something."""
        draw = np.random.default_rng((seed, number))
        while True:
            found = cls(
                blur=float(draw.uniform(0.1, 0.5)) if draw.random() < 0.25 else 0.0,
                brightness=float(draw.uniform(-0.1, 0.1)) if (changes := draw.random() < 0.25) else 0.0,
                contrast=float(draw.uniform(0.8, 1.2)) if changes else 1.0,
                sharpness=float(draw.uniform(0.5, 2.0)) if draw.random() < 0.15 else 0.0,
                noise=float(draw.uniform(0.01, 0.05)) if draw.random() < 0.15 else 0.0,
                inverted=bool(draw.random() < 0.25),
            )
            if found != cls():
                return cls(**(vars(found) | {"seed": int(draw.integers(2**31))}))

    def applied(self, images: Tensor) -> Tensor:
        """Return images (n, 1, rows, columns) in [0, 1] with other intensities in [0, 1]."""
        if self.blur:
            images = _blurred(images, self.blur)
        if self.sharpness:
            images = images + self.sharpness * (images - _blurred(images, 1.0))
        mean = images.mean(dim=(2, 3), keepdim=True)
        images = (images - mean) * self.contrast + mean + self.brightness
        if self.noise:
            generator = torch.Generator().manual_seed(self.seed + _NOISE_SALT)
            images = images + self.noise * torch.randn(images.shape, generator=generator).to(images)
        if self.inverted:
            images = 1 - images
        return images.clamp(0, 1)


def _blurred(images: Tensor, sigma: float) -> Tensor:
    reach = torch.arange(BLUR_PIXELS, dtype=torch.float32) - BLUR_PIXELS // 2
    weights = torch.exp(-0.5 * (reach / sigma) ** 2)
    kernel = (weights / weights.sum()).to(images)
    padded = functional.pad(images, [BLUR_PIXELS // 2] * 4, mode="replicate")
    across = functional.conv2d(padded, kernel[None, None, None, :])
    return functional.conv2d(across, kernel[None, None, :, None])
