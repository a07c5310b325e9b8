"""Candidates against raters: loops over pairs of masks, and cases that fit on a napkin."""

from __future__ import annotations

from itertools import permutations
from math import lcm

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.errors import GeometryMismatch, InvalidRequest
from MedSegAICore.evaluation.metrics.raters import (
    EnergyDistance,
    best_candidate_dice,
    consensus_dice,
    energy_distance,
    matched_iou,
)

LEFT, RIGHT, BOTH, NONE = (np.array(row, bool) for row in ([1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]))


def iou(a, b):
    first, second = ({tuple(at) for at in np.argwhere(mask)} for mask in (a, b))
    return len(first & second) / len(first | second) if first | second else 1.0


def dice(a, b):
    return 2 * iou(a, b) / (1 + iou(a, b))


def energy_by_hand(candidates, raters):
    def mean(one, other):
        return sum(1 - iou(a, b) for a in one for b in other) / (len(one) * len(other))

    return 2 * mean(candidates, raters) - mean(candidates, candidates) - mean(raters, raters)


def matched_by_hand(candidates, raters):
    count = lcm(len(candidates), len(raters))
    ours = [mask for mask in candidates for _ in range(count // len(candidates))]
    theirs = [mask for mask in raters for _ in range(count // len(raters))]
    return max(sum(iou(a, b) for a, b in zip(order, theirs, strict=True)) / count for order in permutations(ours))


def mask_sets(most):
    """Draw (candidates, raters) on one small grid, some masks empty."""

    def sets(seed):
        rng = np.random.default_rng(seed)
        shape = tuple(rng.integers(1, 5, size=rng.integers(1, 4)))
        counts = rng.integers(1, most + 1, size=2)
        return [rng.random((n, *shape)) < rng.uniform(0, 0.9, (n,) + (1,) * len(shape)) for n in counts]

    return st.integers(0, 2**32 - 1).map(sets)


@given(sets=mask_sets(6))
@settings(max_examples=60, deadline=None)
def test_energy_distance_is_what_loops_over_pairs_give(sets):
    found = energy_distance(*sets)
    assert found.squared == pytest.approx(energy_by_hand(*sets), abs=1e-12)
    assert found.squared > -1e-12
    assert (found.candidates, found.raters) == tuple(len(side) for side in sets)


@given(sets=mask_sets(5))
@settings(max_examples=40, deadline=None)
def test_best_candidate_is_what_loops_over_pairs_give(sets):
    candidates, raters = sets
    expected = np.mean([max(dice(candidate, rater) for candidate in candidates) for rater in raters])
    assert best_candidate_dice(candidates, raters) == pytest.approx(expected, abs=1e-12)


@given(sets=mask_sets(3))
@settings(max_examples=25, deadline=None)
def test_matched_iou_is_the_best_of_all_assignments(sets):
    assert matched_iou(*sets) == pytest.approx(matched_by_hand(*sets), abs=1e-12)


def test_a_mask_meets_itself_in_the_means_of_energy_distance():
    # 2 * (0 + 1) / 2 between the sides, (0 + 1 + 1 + 0) / 4 within the candidates
    assert energy_distance([LEFT, RIGHT], [LEFT]) == EnergyDistance(0.5, 2, 1)
    assert energy_distance([LEFT, RIGHT], [RIGHT, LEFT]).squared == 0
    assert energy_distance([LEFT], [RIGHT]).squared == 2
    assert energy_distance([NONE], [NONE, NONE]).squared == 0
    assert energy_distance([NONE], [LEFT]).squared == 2


def test_each_rater_chooses_its_own_candidate():
    assert best_candidate_dice([LEFT, RIGHT], [LEFT, RIGHT]) == 1
    assert best_candidate_dice([BOTH], [LEFT, RIGHT]) == pytest.approx(2 * 2 / 6)
    assert best_candidate_dice([LEFT, NONE], [NONE]) == 1


def test_matched_iou_punishes_candidates_that_are_all_alike():
    assert matched_iou([LEFT, RIGHT], [RIGHT, LEFT]) == 1
    assert matched_iou([LEFT, LEFT], [RIGHT, LEFT]) == 0.5
    assert matched_iou([LEFT, LEFT, RIGHT], [RIGHT, LEFT]) == pytest.approx(5 / 6)


def test_disputed_voxels_do_not_count():
    raters = np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 0]], bool)
    assert consensus_dice(np.array([1, 1, 0, 0, 0]), raters) == 1
    assert consensus_dice(np.array([1, 1, 1, 0, 0]), raters) == 1
    assert consensus_dice(np.array([1, 0, 1, 0, 0]), raters) == pytest.approx(2 / 3)
    assert consensus_dice(np.array([1, 1, 0, 0, 1]), raters) == pytest.approx(4 / 5)
    assert consensus_dice(np.array([0, 0, 0, 0, 0]), raters) == 0


def test_raters_who_never_agree_leave_only_the_background():
    raters = np.stack([LEFT, RIGHT])
    assert consensus_dice(BOTH, raters) == 1  # everything is disputed
    wide = np.pad(raters, ((0, 0), (0, 2)))
    assert consensus_dice(np.array([0, 0, 0, 0, 0, 1]), wide) == 0


@pytest.mark.parametrize("measure", [energy_distance, best_candidate_dice, matched_iou])
def test_masks_that_cannot_be_compared_are_refused(measure):
    with pytest.raises(GeometryMismatch, match="shape"):
        measure(np.ones((2, 3, 4)), np.ones((2, 3, 5)))
    with pytest.raises(InvalidRequest, match="0 candidates"):
        measure(np.ones((0, 3)), np.ones((2, 3)))
    with pytest.raises(InvalidRequest, match="0 raters"):
        measure(np.ones((2, 3)), np.ones((0, 3)))
