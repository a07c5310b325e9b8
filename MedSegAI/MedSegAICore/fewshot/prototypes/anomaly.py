"""One prototype of the structure: what is unlike it is an anomaly, and is background.

Sources: Hansen et al., Anomaly detection-inspired few-shot medical image segmentation through self-supervision with
supervoxels, Medical Image Analysis 2022 (ADNet); Shen et al., Q-Net: Query-Informed Few-Shot Medical Image
Segmentation, IntelliSys 2023 (two scales and the refinement).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .pooling import cosine_scores, mask_weights, masked_mean

STEEPNESS = 0.5
START_THRESHOLD = -10.0
"""What the threshold is before it is learned."""

THRESHOLD_SCALE = 20.0
CLASS_WEIGHTS = (0.1, 1.0)
SCALE_WEIGHTS = (0.9, 0.1)
"""Weight of the larger and of the smaller features."""

REFINEMENT_STEPS, REFINEMENT_RATE = 7, 0.01


def prototype_of(features: Tensor, masks: Tensor) -> Tensor:
    """Return the prototype (channels,) of examples (shots, channels, h, w) and masks (shots, rows, columns)."""
    size = features.shape[2], features.shape[3]
    return masked_mean(features, mask_weights(masks, size)).mean(dim=0)


def anomaly_score(features: Tensor, prototype: Tensor) -> Tensor:
    """Return how unlike the prototype features (n, channels, h, w) are: (n, h, w) from -20 to 20 (ADNet)."""
    return -cosine_scores(features, prototype)


def foreground_probability(score: Tensor, threshold: Tensor | float) -> Tensor:
    """Return the probability of the structure where the anomaly `score` is known (ADNet)."""
    return 1 - torch.sigmoid(STEEPNESS * (score - threshold))


def class_probabilities(probability: Tensor, size: tuple[int, int]) -> Tensor:
    """Return [background, structure] (n, 2, rows, columns) of probabilities (n, h, w), enlarged corner on corner."""
    large = functional.interpolate(probability[:, None], size, mode="bilinear", align_corners=True)
    return torch.cat([1 - large, large], dim=1)


def segmentation_loss(probabilities: Tensor, masks: Tensor, weights: Sequence[float] | None = CLASS_WEIGHTS) -> Tensor:
    """Return the weighted cross entropy of class probabilities with masks (n, rows, columns) (ADNet)."""
    floor = torch.finfo(torch.float32).eps
    logarithm = probabilities.clamp(floor, 1 - floor).log()
    of_class = None if weights is None else torch.tensor(weights, dtype=logarithm.dtype, device=logarithm.device)
    return functional.nll_loss(logarithm, masks.long(), of_class)


def threshold_loss(threshold: Tensor) -> Tensor:
    """Return what keeps the structure's class tight (ADNet)."""
    return threshold / THRESHOLD_SCALE


def alignment_loss(
    query_features: Tensor, probability: Tensor, features: Tensor, masks: Tensor, threshold: Tensor | float
) -> Tensor:
    """Return how badly the query's answer, taken as an example, explains the examples; 0 if it is empty.

    Parameters
    ----------
    query_features, probability
        (1, channels, h, w), and the probability (1, h, w) that it got.
    features, masks
        The examples (shots, channels, h, w) and (shots, rows, columns).
    threshold
        The one that the query was answered with.
    """
    answer = (probability > 0.5).to(features.dtype)
    if not answer.any():
        return features.new_zeros(())
    score = anomaly_score(features, masked_mean(query_features, answer)[0])
    found = class_probabilities(foreground_probability(score, threshold), (masks.shape[1], masks.shape[2]))
    return segmentation_loss(found, masks, weights=None)


def two_scale_probabilities(
    features: Sequence[Tensor],
    prototypes: Sequence[Tensor],
    threshold: Tensor | float,
    size: tuple[int, int],
    weights: Sequence[float] = SCALE_WEIGHTS,
) -> Tensor:
    """Return [background, structure] (1, 2, rows, columns) from features at two scales (Q-Net)."""
    parts = [
        weight * class_probabilities(foreground_probability(anomaly_score(one, prototype), threshold), size)
        for one, prototype, weight in zip(features, prototypes, weights, strict=True)
    ]
    return torch.stack(parts).sum(dim=0)


def refined_prototype(
    features: Tensor, prototype: Tensor, threshold: Tensor | float, check: Callable[[], None] = lambda: None
) -> Tensor:
    """Return the prototype after a few steps towards the query's own features (Q-Net).

    Where the answer says structure, the features are replaced by the prototype; the less that changes the features,
    the better it describes them. `check` is called before each step and may raise to stop.
    """
    refined = prototype.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([refined], lr=REFINEMENT_RATE)
    for _ in range(REFINEMENT_STEPS):
        check()
        with torch.enable_grad():
            inside = foreground_probability(anomaly_score(features, refined), threshold) > 0.5
            replaced = torch.where(inside[:, None], refined[None, :, None, None], features)
            loss = functional.binary_cross_entropy(_squashed(features), _squashed(replaced))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return refined.detach()


def _squashed(features: Tensor) -> Tensor:
    """Return features on one scale, strictly between 0 and 1."""
    low, high = features.min(), features.max()
    return torch.sigmoid((features - low) / (high - low))
