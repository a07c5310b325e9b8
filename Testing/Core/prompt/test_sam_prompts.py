"""What a person points at, in the words that SAM knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from MedSegAICore.prompt.sam_prompts import every_pixel, sam_prompts
from MedSegAICore.prompt.segmenter import SlicePrompts

SHAPE = (60, 80)


def asked(clicks=(), positive=(), strokes="some_points", **others):
    points = np.array(clicks, dtype=np.float64).reshape(-1, 2)
    return sam_prompts(SlicePrompts(points, np.array(positive, dtype=np.bool_), **others), strokes)


def rectangle(rows, columns, value=True, kind=np.bool_):
    mask = np.zeros(SHAPE, kind)
    mask[rows, columns] = value
    return mask


def test_clicks_pass_unchanged():
    found = asked([(3.5, 4), (5, 6)], [True, False])
    assert found.points_xy.tolist() == [[3.5, 4], [5, 6]]
    assert found.points_positive.tolist() == [True, False]
    assert found.box_xyxy is None


def test_only_one_positive_click_alone_is_ambiguous():
    box = np.array([1.0, 2, 3, 4])
    assert asked([(3, 4)], [True]).is_ambiguous
    assert not asked([(3, 4)], [False]).is_ambiguous
    assert not asked([(3, 4), (5, 6)], [True, True]).is_ambiguous
    assert not asked([(3, 4)], [True], box_xyxy=box).is_ambiguous
    assert not replace(asked([(3, 4)], [True]), logits=np.zeros((4, 4), np.float32)).is_ambiguous
    assert not asked([(3, 4)], [True], previous_mask=np.zeros(SHAPE, np.float32)).is_ambiguous


def test_scribbles_become_points_with_their_sign():
    inside, outside = rectangle(slice(10, 15), slice(5, 10)), rectangle(slice(40, 43), slice(60, 63))
    found = asked([(1, 2)], [True], inside=inside, outside=outside)
    assert found.points_xy.tolist() == [[1, 2], [7, 12], [61, 41]]
    assert found.points_positive.tolist() == [True, True, False]
    assert found.box_xyxy is None


def test_a_lasso_becomes_its_box_and_points_inside_it():
    area = rectangle(slice(18, 42), slice(28, 52))
    found = asked(inside=area, enclosed=area)
    assert found.box_xyxy.tolist() == [28, 18, 51, 41]
    assert len(found.points_xy) > 0
    assert found.points_positive.all()


def test_a_drawn_box_wins_over_the_box_of_a_lasso():
    area = rectangle(slice(18, 42), slice(28, 52))
    box = np.array([1.0, 2, 3, 4])
    assert asked(inside=area, enclosed=area, box_xyxy=box).box_xyxy.tolist() == box.tolist()


def test_a_first_guess_alone_brings_its_box():
    guess = rectangle(slice(10, 20), slice(5, 15), 0.8, np.float32)
    found = asked(previous_mask=guess)
    assert found.box_xyxy.tolist() == [5, 10, 14, 19]
    assert found.guess is guess
    assert asked([(7, 12)], [True], previous_mask=guess).box_xyxy is None


def test_nothing_and_an_empty_guess_say_nothing():
    assert asked().is_empty
    assert asked(previous_mask=np.zeros(SHAPE, np.float32)).is_empty


def test_every_pixel_of_a_scribble_can_be_a_click_with_its_sign():
    inside, outside = rectangle(slice(10, 12), slice(5, 8)), rectangle(slice(40, 41), slice(60, 61))
    found = asked([(1, 2)], [True], strokes="every_pixel", inside=inside, outside=outside)
    expected = [[1, 2], *([x, y] for y in (10, 11) for x in (5, 6, 7)), [60, 40]]
    assert sorted(found.points_xy.tolist()) == sorted(expected)
    assert found.points_positive.tolist() == [True] * 7 + [False]


def test_on_a_large_slice_the_pixels_of_a_scribble_are_those_of_a_coarser_grid():
    mask = np.zeros((256, 512), np.bool_)
    mask[100:104, 40:48] = True
    assert sorted(every_pixel(mask).tolist()) == [[40, 100], [40, 102], [44, 100], [44, 102]]
    assert every_pixel(np.zeros((30, 40), np.bool_)).shape == (0, 2)
