"""Prototypes: mean features under a mask, and how much other features are like them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SHARPNESS = 20.0
"""Factor of cosines that become scores (Wang et al., PANet, ICCV 2019, section 3.3)."""

MASK_FLOOR = 1e-5
"""Keeps the mean under an empty mask finite."""

LENGTH_FLOOR = 1e-4
"""Shortest length that unit vectors are made of in local prototypes."""


def masked_mean(features: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean of the features of each shot (shots, channels).

    Parameters
    ----------
    features
        (shots, channels, h, w).
    weights
        (shots, h, w), at least 0.
    """
    total = torch.einsum("schw,shw->sc", features, weights)
    return total / (weights.sum(dim=(1, 2)).unsqueeze(1) + MASK_FLOOR)


def mask_weights(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Return how much each feature counts in the mean of features that were enlarged to the size of a mask.

    Wang et al. (PANet, equation 1) enlarge the features (bilinearly) and average them under the mask. The
    enlarged features are linear in the features, so the mask can be brought to their size instead by the
    transposed map: the same mean for a fraction of the memory. However small, a mask never vanishes.

    Parameters
    ----------
    masks
        (shots, rows, columns) from 0 to 1.
    size
        (h, w) of the features.
    """
    rows, columns = (_enlarging(n, length) for n, length in zip(size, masks.shape[1:], strict=True))
    return rows.to(masks) @ masks @ columns.to(masks).T


def coverage(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the share of each feature's surroundings that masks (shots, rows, columns) cover: (shots, h, w)."""
    return mask_weights(masks, size) / mask_weights(torch.ones_like(masks[:1]), size).clamp_min(1e-12)


def _enlarging(size: int, length: int) -> Tensor:
    """Return the matrix (size, length) of the bilinear map from `size` to `length` samples."""
    return functional.interpolate(torch.eye(size)[None], length, mode="linear", align_corners=False)[0]


def cosine_scores(features: Tensor, prototype: Tensor, floor: float = 1e-8) -> Tensor:
    """Return the scaled cosine (n, h, w) of features (n, channels, h, w) with a prototype (channels,)."""
    return SHARPNESS * functional.cosine_similarity(features, prototype[None, :, None, None], dim=1, eps=floor)
