"""A box derived from one click."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.prompt.click_box import bounding_box, box_around_click


@pytest.fixture
def picture():
    """Grey noise with a bright ellipse of 41 x 61 pixels centred on row 60, column 90."""
    rows, columns = np.indices((150, 200))
    inside = ((rows - 60) / 20) ** 2 + ((columns - 90) / 30) ** 2 <= 1
    noise = np.random.default_rng(0).normal(0, 6, inside.shape)
    return np.clip(np.where(inside, 180, 90) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("click", [(90, 60), (75, 55), (105, 68)])
def test_the_box_fits_the_clicked_structure(picture, click):
    box = box_around_click(picture, np.array(click, dtype=float))
    assert box == pytest.approx([60, 40, 120, 80], abs=5)


def test_a_click_on_the_rim_of_the_picture_gives_a_box(picture):
    box = box_around_click(picture, np.array([199.4, 149.4]))
    assert np.isfinite(box).all()
    assert (box[2:] > box[:2]).all()


def test_a_constant_picture_gives_a_box():
    box = box_around_click(np.full((20, 30), 7, np.uint8), np.array([4.0, 5.0]))
    assert box.tolist() == [-2, -2, 31, 21]


def test_a_bounding_box_names_first_and_last_pixels():
    mask = np.zeros((10, 20), np.bool_)
    mask[3:5, 7:12] = True
    assert bounding_box(mask).tolist() == [7, 3, 11, 4]
