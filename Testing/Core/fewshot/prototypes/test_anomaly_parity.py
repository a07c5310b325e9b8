"""The scores, thresholds, losses and refinements of ADNet and Q-Net are the recorded ones."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.fewshot.prototypes.anomaly import (
    alignment_loss,
    anomaly_score,
    class_probabilities,
    foreground_probability,
    prototype_of,
    refined_prototype,
    threshold_loss,
    two_scale_probabilities,
)
from parity_kit import load_kit

IMAGE = (128, 96)


@pytest.mark.parametrize("shots", [1, 2])
def test_scores_probabilities_and_losses_are_the_recorded_ones(shared, shots):
    kit = load_kit(shared / "parity" / "adnet_head")
    query, support = kit.tensor("query_features"), kit.tensor("support_features")[:shots]
    masks = kit.tensor("support_masks")[:shots]
    prototype = prototype_of(support, masks)
    score = anomaly_score(query, prototype)
    kit.assert_recorded(f"shot{shots}.prototype", prototype[None])
    kit.assert_recorded(f"shot{shots}.anomaly_score", score)
    for threshold in kit.tensor("t_values"):
        name = f"shot{shots}.t{-int(threshold)}"
        probability = foreground_probability(score, threshold)
        kit.assert_recorded(f"{name}.probability", class_probabilities(probability, IMAGE))
        loss = alignment_loss(query, probability, support, masks, threshold)
        kit.assert_recorded(f"{name}.align_loss", loss[None])
        kit.assert_recorded(f"{name}.t_loss", threshold_loss(threshold)[None])


def test_two_scales_and_the_refinement_are_the_recorded_ones(shared):
    kit = load_kit(shared / "parity" / "qnet_head")
    query = [kit.tensor(f"query_features_{size}") for size in ("large", "small")]
    support = [kit.tensor(f"support_features_{size}") for size in ("large", "small")]
    threshold = kit.tensor("query_threshold")[0, 0]
    prototypes = [prototype_of(features, kit.tensor("support_mask")) for features in support]
    refined = [refined_prototype(features, one, threshold) for features, one in zip(query, prototypes, strict=True)]
    for size, before, after in zip(("large", "small"), prototypes, refined, strict=True):
        kit.assert_recorded(f"prototype_{size}", before[None])
        kit.assert_recorded(f"prototype_{size}_refined", after[None], tolerance=1e-3)
    kit.assert_recorded("probability", two_scale_probabilities(query, prototypes, threshold, IMAGE))
    found = two_scale_probabilities(query, refined, threshold, IMAGE)
    kit.assert_recorded("probability_refined", found, tolerance=1e-3)


def test_a_query_without_structure_has_no_alignment_loss():
    features = torch.ones(1, 4, 6, 6)
    assert alignment_loss(features, torch.zeros(1, 6, 6), features, torch.ones(1, 12, 12), -10.0) == 0
