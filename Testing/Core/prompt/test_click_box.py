"""A box for models that only know boxes, drawn from what else a person points with."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled
from MedSegAICore.prompt.click_box import (
    BESIDE_A_BOX,
    FROM_A_MASK,
    FROM_AN_OUTLINE,
    FROM_CLICKS,
    FROM_NEIGHBOUR,
    bounding_box,
    box_of_prompts,
)
from MedSegAICore.prompt.segmenter import SliceImage, SlicePrompts
from MedSegAICore.request import IntensityWindow

SHAPE = (150, 200)
BOX = np.array([12.0, 20, 30, 44])


@pytest.fixture
def image():
    """Noise with a bright ellipse of 41 x 61 pixels centred on row 60, column 90, in units of its own."""
    rows, columns = np.indices(SHAPE)
    inside = ((rows - 60) / 20) ** 2 + ((columns - 90) / 30) ** 2 <= 1
    noise = np.random.default_rng(0).normal(0, 6, SHAPE)
    return SliceImage(
        (np.where(inside, 180, 90) + noise).astype(np.float32), (1, 1), IntensityWindow(0, 255), "ellipse"
    )


def box_and_words(image, clicks=(), positive=None, run=None, **others):
    points = np.array(clicks, dtype=np.float64).reshape(-1, 2)
    signs = np.ones(len(points), np.bool_) if positive is None else np.array(positive)
    return box_of_prompts(image, SlicePrompts(points, signs, **others), run or Run())


def drawn(rows, columns, value=True, kind=np.bool_):
    mask = np.zeros(SHAPE, kind)
    mask[rows, columns] = value
    return mask


@pytest.mark.parametrize("click", [(90, 60), (75, 55), (105, 68)])
def test_the_box_fits_the_clicked_structure_and_says_what_it_was_drawn_from(image, click):
    box, words = box_and_words(image, [click])
    assert box == pytest.approx([60, 40, 120, 80], abs=8)
    assert words == FROM_CLICKS


def test_a_scribble_gives_a_box_that_holds_it_and_the_structure(image):
    box, words = box_and_words(image, inside=drawn(slice(58, 63), slice(80, 131)))
    assert box == pytest.approx([60, 40, 130, 80], abs=8)
    assert words == FROM_CLICKS


def test_what_is_marked_as_outside_is_kept_out(image):
    within, _ = box_and_words(image, [(90, 60), (108, 60)], [True, False])
    assert within[2] < 108
    scribbled, _ = box_and_words(image, [(90, 60)], outside=drawn(slice(55, 65), slice(108, 110)))
    assert scribbled[2] < 108


def test_clicks_outside_alone_give_no_box(image):
    assert box_and_words(image, [(90, 60)], [False]) == (None, "")
    assert box_and_words(image) == (None, "")


def test_around_an_outline_or_a_mask_lies_their_box_widened_to_hold_every_click(image):
    area = drawn(slice(50, 70), slice(70, 100))
    assert box_and_words(image, enclosed=area, inside=area)[0].tolist() == [70, 50, 99, 69]
    assert box_and_words(image, enclosed=area, inside=area)[1] == FROM_AN_OUTLINE
    guess = drawn(slice(50, 70), slice(70, 100), 0.8, np.float32)
    box, words = box_and_words(image, [(110, 60)], previous_mask=guess)
    assert box.tolist() == [70, 50, 110, 69]
    assert words == FROM_A_MASK


def test_a_drawn_box_counts_alone_and_the_rest_is_said_to_be_left_out(image):
    box, words = box_and_words(image, box_xyxy=BOX)
    assert box.tolist() == BOX.tolist()
    assert words == ""
    assert box_and_words(image, [(90, 60)], box_xyxy=BOX)[1] == BESIDE_A_BOX
    assert box_and_words(image, outside=drawn(1, 1), box_xyxy=BOX)[1] == BESIDE_A_BOX


def test_a_box_from_the_neighbouring_slice_is_said_to_be_one(image):
    guess = drawn(slice(20, 45), slice(12, 31), 1, np.float32)
    box, words = box_and_words(image, box_xyxy=BOX, previous_mask=guess, box_follows=True)
    assert box.tolist() == BOX.tolist()
    assert words == FROM_NEIGHBOUR


def test_where_nothing_stands_out_there_is_a_small_box_within_the_slice():
    flat = SliceImage(np.full((20, 30), 7, np.float32), (1, 1), IntensityWindow(0, 255), "flat")
    assert box_and_words(flat, [(4, 5)])[0].tolist() == [2, 3, 6, 7]
    assert box_and_words(flat, [(29.4, 19.4)])[0].tolist() == pytest.approx([27, 17, 29.4, 19.4])


def test_a_cancelled_run_draws_no_box(image):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        box_and_words(image, [(90, 60)], run=Run(cancel=cancel))


def test_a_bounding_box_names_first_and_last_pixels():
    mask = np.zeros((10, 20), np.bool_)
    mask[3:5, 7:12] = True
    assert bounding_box(mask).tolist() == [7, 3, 11, 4]
