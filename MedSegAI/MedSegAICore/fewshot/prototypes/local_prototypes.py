"""Many prototypes, each of a small window of an example.

Source: Ouyang et al., Self-Supervision with Superpixels: Training Few-shot Medical Image Segmentation without
Annotation, ECCV 2020 (adaptive local prototype pooling, section 3.3).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .pooling import LENGTH_FLOOR, SHARPNESS, masked_mean

COVERED = 0.95
"""Share of a window that a mask must cover for a prototype of its own."""

VALIDATION_WINDOW = (2, 2)
"""Size of the windows at inference."""

Window = tuple[int, int]


def global_prototype(features: Tensor, masks: Tensor) -> Tensor:
    """Return the prototype (channels,) of the mode "mask": masked averages, averaged over shots.

    Parameters
    ----------
    features
        (shots, channels, h, w).
    masks
        (shots, h, w) from 0 to 1.
    """
    return masked_mean(features, masks).mean(dim=0)


def window_prototypes(features: Tensor, masks: Tensor, window: Window, covered: float = COVERED) -> Tensor:
    """Return unit prototypes (n, channels) of the windows that a mask covers: the mode "gridconv".

    They come shot by shot, by rows and then by columns.
    """
    window = min(window[0], features.shape[2]), min(window[1], features.shape[3])
    pooled = functional.avg_pool2d(features, window).permute(0, 2, 3, 1)
    is_covered = functional.avg_pool2d(masks[:, None], window)[:, 0] > covered
    return _unit(pooled[is_covered])


def window_and_global_prototypes(features: Tensor, masks: Tensor, window: Window, covered: float = COVERED) -> Tensor:
    """Return unit prototypes (n + shots, channels) of windows and, last, of each whole mask: mode "gridconv+"."""
    return torch.cat([window_prototypes(features, masks, window, covered), _unit(masked_mean(features, masks))])


def local_scores(features: Tensor, prototypes: Tensor) -> Tensor:
    """Return scores (n, h, w): each feature listens most to the prototypes it is like."""
    cosines = SHARPNESS * torch.einsum("nchw,pc->nphw", _unit(features), prototypes)
    return (cosines.softmax(dim=1) * cosines).sum(dim=1)


def _unit(vectors: Tensor) -> Tensor:
    """Return vectors (n, channels, ...) with length 1."""
    return functional.normalize(vectors, dim=1, eps=LENGTH_FLOOR)
