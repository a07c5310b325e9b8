"""What a person points at, in the words that SAM knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from MedSegAICore.prompt.sam_prompts import sam_prompts
from MedSegAICore.prompt.segmenter import SliceImage, SlicePrompts
from MedSegAICore.request import IntensityWindow

SHAPE = (60, 80)


@pytest.fixture
def image():
    """A bright square, rows 20 to 39 and columns 30 to 49, on a dark ground."""
    pixels = np.zeros(SHAPE, np.float32)
    pixels[20:40, 30:50] = 200
    return SliceImage(pixels, (1.0, 1.0), IntensityWindow(0, 255), "square")


def asked(image, clicks=(), positive=(), needs_box=False, **others):
    points = np.array(clicks, dtype=np.float64).reshape(-1, 2)
    return sam_prompts(image, SlicePrompts(points, np.array(positive, dtype=np.bool_), **others), needs_box)


def rectangle(rows, columns, value=True, kind=np.bool_):
    mask = np.zeros(SHAPE, kind)
    mask[rows, columns] = value
    return mask


def test_clicks_pass_unchanged(image):
    found = asked(image, [(3.5, 4), (5, 6)], [True, False])
    assert found.points_xy.tolist() == [[3.5, 4], [5, 6]]
    assert found.points_positive.tolist() == [True, False]
    assert found.box_xyxy is None


def test_only_one_positive_click_alone_is_ambiguous(image):
    box = np.array([1.0, 2, 3, 4])
    assert asked(image, [(3, 4)], [True]).is_ambiguous
    assert not asked(image, [(3, 4)], [False]).is_ambiguous
    assert not asked(image, [(3, 4), (5, 6)], [True, True]).is_ambiguous
    assert not asked(image, [(3, 4)], [True], box_xyxy=box).is_ambiguous
    assert not replace(asked(image, [(3, 4)], [True]), logits=np.zeros((4, 4), np.float32)).is_ambiguous
    assert not asked(image, [(3, 4)], [True], previous_mask=np.zeros(SHAPE, np.float32)).is_ambiguous


def test_scribbles_become_points_with_their_sign(image):
    inside, outside = rectangle(slice(10, 15), slice(5, 10)), rectangle(slice(40, 43), slice(60, 63))
    found = asked(image, [(1, 2)], [True], inside=inside, outside=outside)
    assert found.points_xy.tolist() == [[1, 2], [7, 12], [61, 41]]
    assert found.points_positive.tolist() == [True, True, False]
    assert found.box_xyxy is None


def test_a_lasso_becomes_its_box_and_points_inside_it(image):
    area = rectangle(slice(18, 42), slice(28, 52))
    found = asked(image, inside=area, enclosed=area)
    assert found.box_xyxy.tolist() == [28, 18, 51, 41]
    assert len(found.points_xy) > 0
    assert found.points_positive.all()


def test_a_drawn_box_wins_over_the_box_of_a_lasso(image):
    area = rectangle(slice(18, 42), slice(28, 52))
    box = np.array([1.0, 2, 3, 4])
    assert asked(image, inside=area, enclosed=area, box_xyxy=box).box_xyxy.tolist() == box.tolist()


def test_a_first_guess_alone_brings_its_box(image):
    guess = rectangle(slice(10, 20), slice(5, 15), 0.8, np.float32)
    found = asked(image, previous_mask=guess)
    assert found.box_xyxy.tolist() == [5, 10, 14, 19]
    assert found.guess is guess
    assert asked(image, [(7, 12)], [True], previous_mask=guess).box_xyxy is None


def test_nothing_and_an_empty_guess_say_nothing(image):
    assert asked(image).is_empty
    assert asked(image, previous_mask=np.zeros(SHAPE, np.float32)).is_empty


def test_a_network_that_needs_a_box_gets_one_around_its_positive_clicks_and_no_points(image):
    found = asked(image, [(35, 25), (70, 50)], [True, False], needs_box=True)
    assert found.box_xyxy == pytest.approx([30, 20, 49, 39], abs=4)
    assert len(found.points_xy) == 0
    two = asked(image, [(35, 25), (48, 38)], [True, True], needs_box=True)
    assert two.box_xyxy == pytest.approx([30, 20, 49, 39], abs=4)


def test_a_network_that_needs_a_box_keeps_the_one_it_is_given(image):
    box = np.array([1.0, 2, 3, 4])
    found = asked(image, [(35, 25)], [True], needs_box=True, box_xyxy=box)
    assert found.box_xyxy.tolist() == box.tolist()
    assert len(found.points_xy) == 0


def test_a_network_that_needs_a_box_takes_nothing_from_negative_clicks_alone(image):
    assert asked(image, [(35, 25)], [False], needs_box=True).is_empty
