"""ALPNet's modes are the recorded ones."""

from __future__ import annotations

import pytest
from MedSegAICore.fewshot.prototypes.local_prototypes import (
    global_prototype,
    local_scores,
    window_and_global_prototypes,
    window_prototypes,
)
from MedSegAICore.fewshot.prototypes.pooling import LENGTH_FLOOR, cosine_scores
from parity_kit import load_kit
from torch.nn import functional

SIZE = (32, 24)


@pytest.mark.parametrize("shots", [1, 2])
@pytest.mark.parametrize(("window", "name"), [((2, 2), "val2"), ((4, 4), "train4")])
def test_every_mode_is_the_recorded_one(shared, shots, window, name):
    kit = load_kit(shared / "parity" / "alpnet_head")
    query, support = kit.tensor("query_features"), kit.tensor("support_features")[:shots]
    large = kit.tensor("support_masks")[:shots, None]
    masks = functional.interpolate(large, SIZE, mode="bilinear", align_corners=False)[:, 0]
    of_background = window_prototypes(support, 1 - masks, window)
    of_structure = window_and_global_prototypes(support, masks, window)
    for mode, prototypes in (("gridconv.bg", of_background), ("gridconv+.fg", of_structure)):
        kit.assert_recorded(f"shot{shots}.{mode}.{name}.prototypes", prototypes)
        kit.assert_recorded(f"shot{shots}.{mode}.{name}", local_scores(query, prototypes)[None])
    prototype = global_prototype(support, masks)
    kit.assert_recorded(f"shot{shots}.mask_prototype", prototype[None])
    kit.assert_recorded(f"shot{shots}.mask", cosine_scores(query, prototype, LENGTH_FLOOR)[None])
