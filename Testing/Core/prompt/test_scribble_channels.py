"""What is drawn on a slice becomes five pictures of the network's size."""

from __future__ import annotations

import numpy as np
import torch
from MedSegAICore.prompt.scribble_channels import box_pixels, click_pixels, scribble_channels
from MedSegAICore.prompt.segmenter import SlicePrompts

SIZE = 8
SHAPE = (SIZE, SIZE)
NO_POINTS = np.empty((0, 2)), np.empty(0, np.bool_)
PICTURE = np.linspace(0, 1, 64, dtype=np.float32).reshape(SIZE, SIZE)
NOTHING = SlicePrompts(*NO_POINTS)


def test_what_was_not_drawn_is_zero():
    channels = scribble_channels(PICTURE, SHAPE, NOTHING, None)
    assert channels.shape == (1, 5, SIZE, SIZE)
    assert channels.dtype == torch.float32
    np.testing.assert_array_equal(channels[0, 0], PICTURE)
    assert not channels[0, 1:].any()


def test_clicks_and_scribbles_share_the_channel_of_their_sign():
    inside = np.zeros((SIZE, SIZE), np.bool_)
    inside[2, 1:4] = True
    clicks = np.array([[5.0, 6.0], [0.0, 7.0], [2.0, 2.0]])
    channels = scribble_channels(
        PICTURE, SHAPE, SlicePrompts(clicks, np.array([True, False, True]), None, inside), None
    )
    expected = inside.astype(np.float32)
    expected[6, 5] = 1
    np.testing.assert_array_equal(channels[0, 2], expected)
    assert channels[0, 3].nonzero().tolist() == [[7, 0]]


def test_a_box_covers_its_first_and_its_last_pixel_in_any_order():
    expected = np.zeros((SIZE, SIZE))
    expected[2:5, 1:7] = 1
    for box in ([1, 2, 6, 4], [6, 4, 1, 2]):
        prompts = SlicePrompts(np.empty((0, 2)), np.empty(0, np.bool_), np.array(box, float))
        np.testing.assert_array_equal(scribble_channels(PICTURE, SHAPE, prompts, None)[0, 1], expected)


def test_the_logits_of_the_answer_before_are_taken_as_they_are():
    logits = np.random.default_rng(3).normal(size=(SIZE, SIZE)).astype(np.float32) * 9
    np.testing.assert_array_equal(scribble_channels(PICTURE, SHAPE, NOTHING, logits)[0, 4], logits)


def test_pictures_and_logits_that_cannot_be_written_are_taken():
    frozen = PICTURE.copy()
    frozen.flags.writeable = False
    channels = scribble_channels(frozen, SHAPE, NOTHING, frozen)
    np.testing.assert_array_equal(channels[0, 0], channels[0, 4])


def test_scribbles_are_stretched_whatever_the_shape_of_the_slice():
    inside = np.zeros((40, 16), np.bool_)
    inside[10:20, 4:8] = True
    channels = scribble_channels(PICTURE, (40, 16), SlicePrompts(*NO_POINTS, None, inside), None)
    expected = np.zeros((SIZE, SIZE))
    expected[2:4, 2:4] = 1
    np.testing.assert_array_equal(channels[0, 2], expected)


def test_clicks_at_and_beyond_the_rim_stay_on_the_input():
    clicks = np.array([[-3.0, -0.4], [15.4, 39.0], [30.0, 70.0]])
    np.testing.assert_array_equal(click_pixels(clicks, (40, 16), SIZE), [[0, 0], [7, 7], [7, 7]])


def test_a_box_beyond_the_rim_covers_what_lies_on_the_slice():
    np.testing.assert_array_equal(box_pixels(np.array([-5.0, 10, 99, 99]), (40, 16), SIZE), [0, 2, 8, 8])
