"""ALPNet's modes, whole head and alignment loss are the recorded ones."""

from __future__ import annotations

import pytest
from MedSegAICore.fewshot.prototypes.local_prototypes import (
    Windows,
    alignment_loss,
    class_scores,
    global_prototype,
    local_scores,
    window_and_global_prototypes,
    window_prototypes,
)
from MedSegAICore.fewshot.prototypes.pooling import LENGTH_FLOOR, cosine_scores, enlarged
from parity_kit import load_kit

IMAGE = (128, 96)
SIZE, GRID = (32, 24), (8, 6)
TRAINING, VALIDATION = Windows.training(SIZE, GRID), Windows.validation(SIZE, GRID)


@pytest.fixture(scope="module")
def kit(shared):
    return load_kit(shared / "parity" / "alpnet_head")


def support_of(kit, shots, masks="support_masks"):
    large = kit.tensor(masks)[:shots]
    return kit.tensor("support_features")[:shots], enlarged(large[:, None], SIZE)[:, 0], large


def test_the_windows_are_the_published_ones():
    assert (TRAINING.pooling, VALIDATION.pooling, VALIDATION.deciding) == ((4, 4), (2, 2), (4, 4))


@pytest.mark.parametrize("shots", [1, 2])
@pytest.mark.parametrize(("window", "name"), [((2, 2), "val2"), ((4, 4), "train4")])
def test_every_mode_is_the_recorded_one(kit, shots, window, name):
    query = kit.tensor("query_features")
    support, masks, _ = support_of(kit, shots)
    of_background = window_prototypes(support, 1 - masks, window)
    of_structure = window_and_global_prototypes(support, masks, window)
    for mode, prototypes in (("gridconv.bg", of_background), ("gridconv+.fg", of_structure)):
        kit.assert_recorded(f"shot{shots}.{mode}.{name}.prototypes", prototypes)
        kit.assert_recorded(f"shot{shots}.{mode}.{name}", local_scores(query, prototypes)[None])
    prototype = global_prototype(support, masks)
    kit.assert_recorded(f"shot{shots}.mask_prototype", prototype[None])
    kit.assert_recorded(f"shot{shots}.mask", cosine_scores(query, prototype, LENGTH_FLOOR)[None])


@pytest.mark.parametrize(
    ("shots", "masks", "windows", "name"),
    [
        (1, "support_masks", VALIDATION, "shot1"),
        (2, "support_masks", VALIDATION, "shot2"),
        (1, "small_mask", VALIDATION, "small_mask"),
        (1, "support_masks", TRAINING, "shot1_training"),
    ],
)
def test_the_whole_head_is_the_recorded_one(kit, shots, masks, windows, name):
    support, low, _ = support_of(kit, shots, masks)
    scores = class_scores(kit.tensor("query_features"), support, low, windows)
    kit.assert_recorded(f"head.{name}", enlarged(scores, IMAGE))


def test_the_alignment_loss_is_the_recorded_one(kit):
    query = kit.tensor("query_features")
    support, low, large = support_of(kit, 1)
    scores = class_scores(query, support, low, TRAINING)
    kit.assert_recorded("fg_mask_low", support_of(kit, 2)[1][:, None])
    kit.assert_recorded("head.align_loss", alignment_loss(query, scores, support, large, TRAINING)[None])
