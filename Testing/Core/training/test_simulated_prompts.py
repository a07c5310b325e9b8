"""Each simulated prompt lies where a person would have put it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.prompt.network_question import maps_in_view
from MedSegAICore.prompt.prompt_maps import PromptMaps
from MedSegAICore.prompt.slice_view import SliceView
from MedSegAICore.training.simulated_prompts import FARTHEST_SIDE, STROKE_RADII, first_prompts, next_prompts
from MedSegAICore.training.synthetic.fields import smooth_noise
from scipy import ndimage

SIZE = 48
WIDEST = max(2, *STROKE_RADII)
"""How far marks reach beyond the pixels that were hit."""


def first_maps(mask, seed):
    """First prompts as pictures."""
    return maps_in_view(first_prompts(mask, np.random.default_rng(seed)), SliceView((0, 0), mask.shape), SIZE)


seeds = st.integers(0, 10_000)


def some_mask(seed, amount=0.8):
    """Parts of any form, never empty."""
    field = smooth_noise(SIZE, 10, np.random.default_rng([seed, 7]))[0]
    return field > min(amount, float(field.max()) - 1e-3)


def near(mask):
    """All pixels that a mark on the mask may reach."""
    return ndimage.distance_transform_edt(~mask) <= WIDEST


def same(one, other):
    pairs = ((one.box, other.box), (one.positive, other.positive), (one.negative, other.negative))
    return all(np.array_equal(*pair) for pair in pairs)


@settings(deadline=None, max_examples=60)
@given(seeds)
def test_first_prompts_say_inside_where_it_is_inside_and_outside_where_it_is_not(seed):
    mask = some_mask(seed)
    maps = first_maps(mask, seed)
    assert maps.box.any() or maps.positive.any()
    assert near(mask)[maps.positive > 0].all()
    assert near(~mask)[maps.negative > 0].all()
    for said, truth in ((maps.positive, mask), (maps.negative, ~mask)):
        parts, count = ndimage.label(said, np.ones((3, 3)))
        assert all(truth[parts == part].any() for part in range(1, count + 1))


@settings(deadline=None, max_examples=60)
@given(seeds)
def test_a_box_misses_the_structure_by_no_more_than_a_hand_does(seed):
    mask = some_mask(seed)
    box = first_maps(mask, seed).box > 0
    if not box.any():
        return
    for axis in (0, 1):
        wanted, drawn = (np.flatnonzero(area.any(axis=1 - axis)) for area in (mask, box))
        extent = wanted[-1] - wanted[0] + 1
        most = FARTHEST_SIDE * extent + 1 + 0.01 * extent + 0.5
        # at the picture's edge a box is cut off, and it always keeps a pixel
        assert abs(drawn[0] - wanted[0]) <= most
        assert abs(drawn[-1] - wanted[-1]) <= max(most, drawn[0] - wanted[-1])


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_what_must_be_framed_has_a_box(seed):
    assert first_prompts(some_mask(seed), np.random.default_rng(seed), framed=True).box_xyxy is not None


def test_many_boxes_fit_exactly():
    mask, exact = some_mask(3), []
    rows, columns = np.nonzero(mask)
    tight = [columns.min(), rows.min(), columns.max(), rows.max()]
    for seed in range(400):
        box = first_prompts(mask, np.random.default_rng(seed)).box_xyxy
        if box is not None:
            exact.append(np.array_equal(box, tight))
    assert 0.3 < np.mean(exact) < 0.75


@settings(deadline=None, max_examples=60)
@given(seeds)
def test_a_correction_lies_in_the_largest_error_and_has_its_sign(seed):
    mask, predicted = some_mask(seed), some_mask(seed + 1, 0.5)
    before = PromptMaps.nothing(mask.shape).with_marks((1, 1), 2, positive=True)
    after = next_prompts(before, mask, predicted, np.random.default_rng(seed))
    errors = []
    for error in (mask & ~predicted, predicted & ~mask):
        parts, count = ndimage.label(error, np.ones((3, 3)))
        errors += [parts == part for part in range(1, count + 1)]
    largest = [error for error in errors if error.sum() == max(each.sum() for each in errors)]
    added_inside, added_outside = after.positive > before.positive, after.negative > before.negative
    added = added_inside | added_outside
    if added.any():  # not hidden by what was said before
        assert any(near(error)[added].all() and mask[error].all() == added_inside.any() for error in largest)
        assert added_inside.any() != added_outside.any()
    assert (after.positive >= before.positive).all()


def test_nothing_is_added_where_nothing_is_wrong():
    mask = some_mask(3)
    maps = first_maps(mask, 3)
    assert same(next_prompts(maps, mask, mask, np.random.default_rng(4)), maps)


def test_one_wrong_pixel_can_be_corrected():
    mask = np.zeros((SIZE, SIZE), np.bool_)
    mask[20, 30] = True
    for seed in range(20):
        chance = np.random.default_rng(seed)
        corrected = next_prompts(PromptMaps.nothing(mask.shape), mask, np.zeros_like(mask), chance)
        assert corrected.positive[20, 30] == 1
        first = first_maps(mask, seed)
        assert first.box.any() or first.positive.any()


@pytest.mark.parametrize("filled", [np.s_[:, :-1], np.s_[0, 0]], ids=["all but a column", "a corner"])
def test_structures_at_the_edge_can_be_prompted(filled):
    mask = np.zeros((SIZE, SIZE), np.bool_)
    mask[filled] = True
    for seed in range(30):
        maps = first_maps(mask, seed)
        assert maps.box.any() or maps.positive.any()


def test_boxes_clicks_scribbles_and_things_to_leave_out_all_occur():
    mask = some_mask(5)
    drawn = [first_maps(mask, seed) for seed in range(300)]
    boxes = np.mean([maps.box.any() for maps in drawn])
    only_boxes = np.mean([maps.box.any() and not maps.positive.any() for maps in drawn])
    outside = np.mean([maps.negative.any() for maps in drawn])
    scribbles = np.mean([maps.positive.sum() > 3 * 13 for maps in drawn])  # more than three clicks mark
    assert 0.3 < boxes < 0.5
    assert 0.2 < only_boxes < 0.4
    assert 0.15 < outside < 0.4
    assert scribbles > 0.05


def test_the_same_chance_gives_the_same_prompts():
    mask = some_mask(6)
    assert same(*(first_maps(mask, 8) for _ in range(2)))
    assert not same(*(first_maps(mask, seed) for seed in (8, 9)))
