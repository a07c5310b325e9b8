from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore import Cancelled, CancelToken
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.registered.warping import warped_to_overlap


@pytest.fixture
def masks():
    masks = np.zeros((1, 20, 20, 20), np.float32)
    masks[0, 6:14, 6:14, 6:14] = 1
    return masks


def test_a_warped_mask_overlaps_the_old_one_as_much_as_it_should(masks):
    moved = warped_to_overlap(masks, 0.7, np.random.default_rng(0))
    overlap = 2 * np.minimum(masks, moved).sum() / (masks.sum() + moved.sum())
    assert overlap == pytest.approx(0.7, abs=0.05)


def test_a_structure_that_was_lost_on_a_coarser_grid_stays_lost(masks):
    assert not warped_to_overlap(0 * masks, 0.7, np.random.default_rng(0)).any()


def test_warping_stops_when_it_is_cancelled(masks):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        warped_to_overlap(masks, 0.7, np.random.default_rng(0), Run(cancel=token))
