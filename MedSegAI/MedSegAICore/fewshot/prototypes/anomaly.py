"""One prototype of the structure: what is unlike it is an anomaly, and is background.

Source: Hansen et al., Anomaly detection-inspired few-shot medical image segmentation through self-supervision with
supervoxels, Medical Image Analysis 2022 (ADNet).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .pooling import cosine_scores

STEEPNESS = 0.5


def anomaly_score(features: Tensor, prototype: Tensor) -> Tensor:
    """Return how unlike the prototype features (n, channels, h, w) are: (n, h, w) from -20 to 20."""
    return -cosine_scores(features, prototype)


def foreground_probability(score: Tensor, threshold: Tensor | float) -> Tensor:
    """Return the probability of the structure where the anomaly `score` is known."""
    return 1 - torch.sigmoid(STEEPNESS * (score - threshold))
