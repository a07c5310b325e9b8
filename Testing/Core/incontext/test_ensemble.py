"""What several answers say together, where they differ, and which is best."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.errors import GeometryMismatch
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.incontext.ensemble import best_candidate, by_agreement, combined, entropy, staple
from MedSegAICore.incontext.look_next import look_next
from MedSegAICore.volume import VolumePatch

SHAPE = (6, 24, 24)
GEOMETRY = VolumeGeometry.from_components(SHAPE, (1.0, 2.0, 3.0), (5.0, 6.0, 7.0))


def square(start: int, stop: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[2:4, start:stop, start:stop] = True
    return mask


def patch(mask) -> VolumePatch:
    return VolumePatch.whole(mask, GEOMETRY).tight()


def test_the_mean_and_the_vote_are_what_they_are_called():
    answers = np.stack([np.full(SHAPE, value, np.float16) for value in (0.25, 0.5, 1.0)])
    assert combined(answers, "mean") == pytest.approx(np.full(SHAPE, 1.75 / 3), abs=1e-3)
    assert combined(answers, "vote") == pytest.approx(np.full(SHAPE, 2 / 3))


def test_staple_outvotes_the_one_that_is_wrong():
    masks = np.stack([square(8, 16), square(8, 16), square(8, 17), square(0, 4)])
    found = staple(masks) >= 0.5
    assert np.array_equal(found, square(8, 16)) or np.array_equal(found, square(8, 17))


def test_staple_does_not_depend_on_the_background_around():
    masks = np.stack([square(8, 15), square(9, 16), square(8, 16)])
    wider = np.pad(masks, ((0, 0), (0, 0), (40, 40), (40, 40)))
    assert staple(wider)[:, 40:-40, 40:-40] == pytest.approx(staple(masks), abs=1e-6)


@pytest.mark.parametrize("masks", [np.zeros((3, *SHAPE), bool), np.stack([square(4, 9)] * 3)])
def test_staple_of_equal_masks_is_that_mask(masks):
    assert np.array_equal(staple(masks) >= 0.5, masks[0])


def test_one_answer_stays_as_it_is():
    answer = np.random.default_rng(0).random((1, *SHAPE)).astype(np.float16)
    for how in ("mean", "vote", "staple"):
        assert np.array_equal(combined(answer, how), answer[0].astype(np.float32))


def test_doubt_is_one_bit_at_a_half_and_nothing_where_it_is_sure():
    assert entropy(np.array([0, 0.5, 1, 0.25])) == pytest.approx([0, 1, 0, 0.8113], abs=1e-3)


def test_the_most_typical_candidate_comes_first():
    typical, larger, strange = patch(square(8, 16)), patch(square(7, 17)), patch(square(0, 3))
    assert by_agreement([strange, typical, larger])[0] in (typical, larger)
    assert by_agreement([strange, typical, larger])[-1] is strange


def test_the_candidate_that_fits_an_accepted_slice_is_picked():
    candidates = [patch(square(8, 16)), patch(square(4, 12)), patch(square(0, 3))]
    drawn = square(4, 11)[2:3]
    accepted = VolumePatch(drawn, (2, 0, 0), GEOMETRY)
    best, score = best_candidate(candidates, accepted)
    assert best == 1
    assert score > 0.8
    with pytest.raises(GeometryMismatch):
        best_candidate(candidates, VolumePatch.whole(drawn, VolumeGeometry.from_components((1, 24, 24))))


def test_the_slices_to_look_at_are_the_doubtful_ones_and_lie_apart():
    doubt = np.zeros((100, 8, 8), np.float16)
    doubt[40], doubt[41], doubt[70], doubt[10, 2, 5] = 0.9, 0.8, 0.5, 1
    geometry = VolumeGeometry.from_components(doubt.shape, (1.0, 2.0, 3.0))
    found = look_next(VolumePatch.whole(doubt, geometry).tight(), axis=0)
    assert [one.index for one in found[:3]] == [40, 70, 10]
    assert found[2].position_ras == pytest.approx([5, 4, 30])
    assert all(one.doubt > 0 for one in found)
    again = look_next(VolumePatch.whole(doubt, geometry), axis=0, count=1, seen=[38])
    assert [one.index for one in again] == [70]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_doubt_is_ranked_across_any_axis(axis):
    doubt = np.zeros((10, 11, 12), np.float16)
    doubt[3, 4, 5] = 1
    geometry = VolumeGeometry.from_components(doubt.shape, (1.0, 2.0, 3.0), (7.0, 8.0, 9.0))
    (found,) = look_next(VolumePatch.whole(doubt, geometry).tight(), axis)
    assert found.index == (3, 4, 5)[axis]
    assert found.position_ras == pytest.approx(geometry.to_ras([5, 4, 3])[0])


def test_without_doubt_there_is_nothing_to_look_at():
    nothing = VolumePatch.whole(np.zeros((4, 4, 4), np.float16), VolumeGeometry.from_components((4, 4, 4))).tight()
    assert look_next(nothing, 0) == ()
