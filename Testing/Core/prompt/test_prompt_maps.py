"""Prompts become pictures of boxes, discs and lines."""

from __future__ import annotations

import numpy as np
from MedSegAICore.prompt.prompt_maps import PromptMaps, box_map, disc_map, line_pixels
from scipy import ndimage

SHAPE = (20, 30)


def test_a_box_is_filled_with_both_its_corners_and_cut_off_at_the_edge():
    inside = box_map((3, 4), (5, 9), SHAPE)
    assert inside[3:6, 4:10].all()
    assert inside.sum() == 3 * 6
    assert box_map((-5, 25), (2, 99), SHAPE).sum() == 3 * 5
    assert not box_map((-5, 2), (-3, 9), SHAPE).any()


def test_a_click_is_a_disc_of_its_radius():
    marked = disc_map((10, 15), 2, SHAPE)
    rows, columns = np.nonzero(marked)
    assert len(rows) == 13
    assert np.hypot(rows - 10, columns - 15).max() == 2
    assert disc_map((10, 15), 0, SHAPE).sum() == 1


def test_what_lies_beyond_the_edge_is_left_out():
    assert disc_map((0, 0), 2, SHAPE).sum() == 6
    assert not disc_map((-9, 50), 2, SHAPE).any()


def test_a_line_has_no_gaps_and_goes_through_its_corners():
    corners = np.array([(2, 3), (12, 25), (15, 4)])
    line = line_pixels(corners)
    assert np.abs(np.diff(line, axis=0)).max() == 1
    assert all((line == corner).all(axis=1).any() for corner in corners)
    assert line_pixels([(7, 8)]).tolist() == [[7, 8]]


def test_marks_are_added_and_nothing_else_changes():
    before = PromptMaps.nothing(SHAPE).with_box((2, 2), (8, 8)).with_marks((5, 5), 1, positive=True)
    after = before.with_marks(line_pixels([(10, 10), (10, 20)]), 1, positive=False)
    assert np.array_equal(after.box, before.box)
    assert np.array_equal(after.positive, before.positive)
    assert not before.negative.any()
    assert ndimage.label(after.negative)[1] == 1
    assert after.negative.dtype == np.float32
