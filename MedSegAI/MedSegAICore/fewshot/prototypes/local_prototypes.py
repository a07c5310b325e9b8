"""Many prototypes, each of a small window of an example.

Source: Ouyang et al., Self-Supervision with Superpixels: Training Few-shot Medical Image Segmentation without
Annotation, ECCV 2020 (adaptive local prototype pooling, section 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .pooling import LENGTH_FLOOR, SHARPNESS, cosine_scores, enlarged, masked_mean

COVERED = 0.95
"""Share of a window that a mask must cover for a prototype of its own."""

TRAINING_GRID = (8, 8)
"""The features are cut into so many windows in training."""

VALIDATION_WINDOW = (2, 2)

Window = tuple[int, int]


@dataclass(frozen=True)
class Windows:
    """Sizes of windows in features.

    Parameters
    ----------
    pooling
        One local prototype per window of this size.
    deciding
        The structure has local prototypes where a window of this size fits into it.
    """

    pooling: Window
    deciding: Window

    @classmethod
    def training(cls, size: tuple[int, int], grid: tuple[int, int] = TRAINING_GRID) -> Windows:
        """Return the windows of training for features (h, w)."""
        window = max(1, size[0] // grid[0]), max(1, size[1] // grid[1])
        return cls(window, window)

    @classmethod
    def validation(cls, size: tuple[int, int], grid: tuple[int, int] = TRAINING_GRID) -> Windows:
        """Return the windows of inference for features (h, w)."""
        return cls(VALIDATION_WINDOW, cls.training(size, grid).deciding)


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


def foreground_scores(features: Tensor, support: Tensor, masks: Tensor, windows: Windows) -> Tensor:
    """Return scores (n, h, w) of a structure: of local prototypes, or of one where it holds no window."""
    largest = functional.avg_pool2d(masks[:, None], _fitting(windows.deciding, masks)).max()
    if largest < COVERED:
        return cosine_scores(features, global_prototype(support, masks), LENGTH_FLOOR)
    return local_scores(features, window_and_global_prototypes(support, masks, windows.pooling))


def background_scores(features: Tensor, support: Tensor, masks: Tensor, windows: Windows) -> Tensor:
    """Return scores (n, h, w) of the background; of one prototype where no window lies in it."""
    prototypes = window_prototypes(support, masks, windows.pooling)
    if len(prototypes) == 0:
        return cosine_scores(features, global_prototype(support, masks), LENGTH_FLOOR)
    return local_scores(features, prototypes)


def class_scores(features: Tensor, support: Tensor, masks: Tensor, windows: Windows) -> Tensor:
    """Return the scores [background, structure] (n, 2, h, w) of features (n, channels, h, w).

    Parameters
    ----------
    features
        Of the query.
    support, masks
        Of the examples: (shots, channels, h, w), and the structure (shots, h, w) from 0 to 1.
    windows
        Those of training or of inference.
    """
    background = background_scores(features, support, 1 - masks, windows)
    return torch.stack([background, foreground_scores(features, support, masks, windows)], dim=1)


def alignment_loss(
    query_features: Tensor, query_scores: Tensor, features: Tensor, masks: Tensor, windows: Windows
) -> Tensor:
    """Return how badly the query's answer, taken as an example, explains the examples.

    Parameters
    ----------
    query_features, query_scores
        (1, channels, h, w), and the scores (1, 2, h, w) that it got.
    features, masks
        The examples (shots, channels, h, w), and their masks (shots, rows, columns), 0 or 1.
    windows
        Those of training.
    """
    answer = query_scores.argmax(dim=1).to(features.dtype)
    scores = class_scores(features, query_features, answer, windows)
    return functional.cross_entropy(enlarged(scores, (masks.shape[1], masks.shape[2])), masks.long())


def _unit(vectors: Tensor) -> Tensor:
    """Return vectors (n, channels, ...) with length 1."""
    return functional.normalize(vectors, dim=1, eps=LENGTH_FLOOR)


def _fitting(window: Window, masks: Tensor) -> Window:
    return min(window[0], masks.shape[-2]), min(window[1], masks.shape[-1])
