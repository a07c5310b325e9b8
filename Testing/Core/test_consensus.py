"""What several masks say together, where they differ, and how large the structure may be."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.consensus import (
    best_candidate,
    by_agreement,
    combined,
    deviation,
    entropy,
    patch_dice,
    staple,
    volume_interval,
)
from MedSegAICore.errors import GeometryMismatch
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.volume import VolumePatch

GEOMETRY = VolumeGeometry.from_components((1, 20, 20), spacing_ijk=(0.5, 0.5, 2.0))


def square(size: int, shape=(1, 20, 20)) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[:, 4 : 4 + size, 4 : 4 + size] = True
    return mask


def patch(size: int) -> VolumePatch:
    return VolumePatch.whole(square(size), GEOMETRY).tight()


def test_the_mean_keeps_what_the_vote_counts():
    answers = np.array([0.4, 0.4, 1.0], dtype=np.float32).reshape(3, 1, 1, 1)
    assert combined(answers, "mean").item() == pytest.approx(0.6)
    assert combined(answers, "vote").item() == pytest.approx(1 / 3)


def test_staple_follows_the_reliable_masks():
    masks = np.stack([square(8), square(8), square(8), square(3)])
    found = staple(masks)
    assert (found[square(8)] > 0.9).all()
    assert (found[~square(8)] < 0.1).all()


def test_staple_does_not_depend_on_the_empty_space_around():
    masks = np.stack([square(6), square(7), square(8)])
    far = np.stack([np.pad(mask, ((0, 0), (0, 200), (0, 200))) for mask in masks])
    np.testing.assert_array_equal(staple(masks), staple(far)[:, :20, :20])


@pytest.mark.parametrize("how", ["mean", "vote", "staple"])
def test_equal_masks_and_empty_ones_are_their_own_consensus(how):
    for mask in (square(5), square(0)):
        np.testing.assert_array_equal(combined(np.stack([mask] * 3).astype(np.float32), how), mask)


def test_uncertainty_is_largest_where_half_of_the_masks_say_inside():
    masks = np.stack([square(4), square(4), square(8), square(8)]).astype(np.float32)
    ring = square(8) & ~square(4)
    for found, most in ((entropy(masks.mean(axis=0)), 1.0), (deviation(masks), 0.5)):
        np.testing.assert_allclose(found[ring], most)
        assert (found[~ring] == 0).all()


def test_the_interval_holds_nine_of_ten_volumes():
    masks = [patch(size) for size in [6] * 19 + [12]]
    low, high = volume_interval(masks)
    assert low == pytest.approx(36 * 0.5 / 1000)
    assert low < high < 144 * 0.5 / 1000
    assert volume_interval([patch(0)]) == (0, 0)


def test_the_most_typical_mask_comes_first():
    ordered = by_agreement([patch(12), patch(6), patch(5), patch(6)])
    assert [int(np.count_nonzero(mask.array)) for mask in ordered] == [36, 36, 25, 144]


def test_masks_are_compared_where_they_lie():
    assert patch_dice(patch(6), patch(6)) == 1
    assert patch_dice(patch(0), patch(0)) == 1
    assert patch_dice(patch(0), patch(6)) == 0
    assert patch_dice(patch(2), patch(4)) == pytest.approx(2 * 4 / 20)


def test_one_answer_stays_as_it_is():
    answer = np.random.default_rng(0).random((1, 1, 20, 20)).astype(np.float16)
    for how in ("mean", "vote", "staple"):
        np.testing.assert_array_equal(combined(answer, how), answer[0].astype(np.float32))


def test_doubt_is_one_bit_at_a_half_and_nothing_where_it_is_sure():
    assert entropy(np.array([0, 0.5, 1, 0.25])) == pytest.approx([0, 1, 0, 0.8113], abs=1e-3)


def test_the_candidate_that_fits_what_was_accepted_is_picked():
    accepted = VolumePatch(square(7)[:, :, :10], (0, 0, 0), GEOMETRY)
    best, score = best_candidate([patch(12), patch(6), patch(2)], accepted)
    assert best == 1
    assert score > 0.8
    elsewhere = VolumePatch.whole(square(7), VolumeGeometry.from_components((1, 20, 20)))
    with pytest.raises(GeometryMismatch):
        best_candidate([patch(6)], elsewhere)
