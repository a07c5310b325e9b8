"""PANet's prototypes and scores are the recorded ones."""

from __future__ import annotations

import pytest
from MedSegAICore.fewshot.prototypes.masked_average import class_scores, prototypes_of
from parity_kit import load_kit


@pytest.mark.parametrize("shots", [1, 2])
def test_prototypes_and_scores_are_the_recorded_ones(shared, shots):
    kit = load_kit(shared / "parity" / "panet_head")
    query, support = kit.tensor("query_features"), kit.tensor("support_features")[:shots]
    masks = kit.tensor("support_masks")[:shots]
    prototypes = prototypes_of(support, masks)
    scores = class_scores(query, prototypes)
    kit.assert_recorded(f"shot{shots}.fg_prototype", prototypes.foreground[None])
    kit.assert_recorded(f"shot{shots}.bg_prototype", prototypes.background[None])
    kit.assert_recorded(f"shot{shots}.scores_low", scores)
