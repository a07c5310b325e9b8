"""One prototype for the structure and one for the rest.

Source: Wang et al., PANet: Few-Shot Image Semantic Segmentation with Prototype Alignment, ICCV 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .pooling import cosine_scores, mask_weights, masked_mean


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Mean features (channels,) of the background and of the structure."""

    background: Tensor
    foreground: Tensor


def prototypes_of(features: Tensor, masks: Tensor) -> Prototypes:
    """Return the prototypes of examples: masked averages, averaged over shots (equations 1 and 2).

    Parameters
    ----------
    features
        (shots, channels, h, w).
    masks
        (shots, rows, columns), 0 or 1, at the size of the pictures or of the features.
    """
    means = (masked_mean(features, mask_weights(part, _size(features))).mean(dim=0) for part in (1 - masks, masks))
    return Prototypes(*means)


def class_scores(features: Tensor, prototypes: Prototypes) -> Tensor:
    """Return the scores [background, structure] (n, 2, h, w) of features (n, channels, h, w) (equation 3)."""
    return torch.stack([cosine_scores(features, one) for one in (prototypes.background, prototypes.foreground)], dim=1)


def _size(array: Tensor) -> tuple[int, int]:
    return array.shape[-2], array.shape[-1]
