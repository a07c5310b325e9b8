"""Views of a slice: square in the world, as close as asked, and back to where they were taken."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.prompt.slice_view import SMALLEST_SIDE, SliceView, view_around, whole_view


@pytest.mark.parametrize(
    ("shape", "spacing", "expected"),
    [
        ((60, 100), (1, 1), SliceView((-20, 0), (100, 100))),
        ((60, 100), (2, 1), SliceView((0, -10), (60, 120))),
        ((100, 100), (1, 4), SliceView((-150, 0), (400, 100))),
    ],
)
def test_the_whole_slice_lies_in_the_middle_of_a_square(shape, spacing, expected):
    assert whole_view(shape, spacing) == expected


def test_a_close_view_is_square_in_the_world_and_stays_on_the_slice():
    view = view_around((10, 40), (29, 49), 2.0, (100, 100), (1, 2))
    assert view == SliceView((0, 35), (40, 20))
    assert view_around((95, 95), (99, 99), 8.0, (100, 100), (1, 1)) == SliceView((60, 60), (40, 40))


def test_no_view_is_closer_than_pixels_allow():
    assert view_around((50, 50), (50, 50), 1.0, (100, 100), (1, 1)).shape == (SMALLEST_SIDE, SMALLEST_SIDE)


def test_pixels_are_found_where_the_view_shows_them():
    picture, view = np.zeros((80, 100), np.float32), SliceView((10, 20), (32, 64))
    picture[30:32, 60:64] = 1
    taken = view.taken(picture, 64)
    (first, last) = view.pixels([[30, 60], [31, 63]], 64)
    rows, columns = np.nonzero(taken > 0.5)
    np.testing.assert_allclose([rows.mean(), columns.mean()], (first + last) / 2)


def test_what_lies_beyond_the_slice_has_the_value_that_is_asked_for():
    picture, view = np.ones((4, 8), np.float32), SliceView((-2, 0), (8, 8))
    assert view.taken(picture, 8).min() == 1
    assert view.taken(picture, 8, outside=0.0).sum() == 32


@pytest.mark.parametrize("view", [SliceView((-20, 0), (100, 100)), SliceView((8, 40), (40, 40))])
def test_a_structure_comes_back_to_its_place(view):
    rows, columns = np.mgrid[:60, :100]
    disc = (rows - 28) ** 2 + (columns - 60) ** 2 <= 144
    values = view.taken(disc.astype(np.float32), 128, outside=0.0)
    back = view.given_back(values, disc.shape, -1.0)
    assert np.count_nonzero((back > 0.5) ^ disc) <= 8
    assert (back[0, 0] == -1) == (view.first[0] > 0)


def test_a_structure_is_cut_off_where_the_slice_goes_on_only():
    inside = np.zeros((16, 16), np.bool_)
    inside[0, 5] = True
    assert SliceView((3, 0), (20, 20)).cuts(inside, (60, 60))
    assert not SliceView((0, 3), (20, 20)).cuts(inside, (60, 60))
    assert not SliceView((3, 3), (20, 20)).cuts(np.zeros_like(inside), (60, 60))
