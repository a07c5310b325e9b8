"""ADNet's prototype, scores and probabilities are the recorded ones."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.fewshot.prototypes.anomaly import anomaly_score, foreground_probability
from MedSegAICore.fewshot.prototypes.pooling import mask_weights, masked_mean
from parity_kit import load_kit
from torch.nn import functional

IMAGE = (128, 96)


@pytest.mark.parametrize("shots", [1, 2])
def test_the_prototype_scores_and_probabilities_are_the_recorded_ones(shared, shots):
    kit = load_kit(shared / "parity" / "adnet_head")
    query, support = kit.tensor("query_features"), kit.tensor("support_features")[:shots]
    weights = mask_weights(kit.tensor("support_masks")[:shots], support.shape[2:])
    prototype = masked_mean(support, weights).mean(dim=0)
    score = anomaly_score(query, prototype)
    kit.assert_recorded(f"shot{shots}.prototype", prototype[None])
    kit.assert_recorded(f"shot{shots}.anomaly_score", score)
    for threshold in kit.tensor("t_values"):
        low = foreground_probability(score, threshold)[:, None]
        inside = functional.interpolate(low, IMAGE, mode="bilinear", align_corners=True)
        found = torch.cat([1 - inside, inside], dim=1)
        kit.assert_recorded(f"shot{shots}.t{-int(threshold)}.probability", found)
