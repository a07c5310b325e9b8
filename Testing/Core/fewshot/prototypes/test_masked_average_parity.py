"""PANet's prototypes, scores and alignment loss are the recorded ones."""

from __future__ import annotations

import pytest
from MedSegAICore.fewshot.prototypes.masked_average import alignment_loss, class_scores, prototypes_of
from MedSegAICore.fewshot.prototypes.pooling import enlarged
from parity_kit import load_kit


@pytest.mark.parametrize("shots", [1, 2])
def test_prototypes_scores_and_loss_are_the_recorded_ones(shared, shots):
    kit = load_kit(shared / "parity" / "panet_head")
    query, support = kit.tensor("query_features"), kit.tensor("support_features")[:shots]
    masks = kit.tensor("support_masks")[:shots]
    prototypes = prototypes_of(support, masks)
    scores = class_scores(query, prototypes)
    kit.assert_recorded(f"shot{shots}.fg_prototype", prototypes.foreground[None])
    kit.assert_recorded(f"shot{shots}.bg_prototype", prototypes.background[None])
    kit.assert_recorded(f"shot{shots}.scores_low", scores)
    kit.assert_recorded(f"shot{shots}.scores", enlarged(scores, tuple(masks.shape[1:])))
    kit.assert_recorded(f"shot{shots}.align_loss", alignment_loss(query, scores, support, masks)[None])
