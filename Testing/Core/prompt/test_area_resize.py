"""Resizing by area gives what OpenCV gives, level for level."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.prompt.area_resize import resize_area

# noted down from OpenCV 5.0 with INTER_AREA
NOTED = [
    (
        [[168, 229, 184, 171, 238], [171, 20, 206, 245, 153], [204, 5, 37, 53, 213], [206, 192, 173, 6, 120]],
        [[152, 184, 200], [162, 89, 112]],
    ),
    (
        [
            [63, 96, 236, 131, 118, 4],
            [87, 161, 124, 71, 42, 73],
            [237, 16, 194, 250, 10, 103],
            [206, 13, 143, 2, 38, 71],
        ],
        [[102, 141, 59], [118, 147, 56]],
    ),
    ([[133, 118, 36, 98], [196, 35, 57, 146], [50, 179, 145, 104]], [[154, 90, 43, 114], [99, 131, 116, 118]]),
    ([[206, 53, 141], [33, 181, 39]], [[206, 155, 53, 112, 141], [120, 118, 117, 99, 90], [33, 82, 181, 86, 39]]),
]


@pytest.mark.parametrize(("old", "new"), NOTED, ids=["smaller", "half", "fewer rows", "larger"])
def test_the_levels_are_those_of_opencv(old, new):
    resized = resize_area(np.array(old, np.uint8)[:, :, None], (len(new), len(new[0])))
    assert resized.dtype == np.uint8
    assert resized[:, :, 0].tolist() == new


def test_halves_are_rounded_up_where_both_sides_are_halved():
    levels = np.array([[0, 1, 1, 1], [0, 1, 2, 2]], np.uint8)[:, :, None]
    assert resize_area(levels, (1, 2))[0, :, 0].tolist() == [1, 2]


@pytest.mark.parametrize("seed", range(20))
def test_a_smaller_picture_has_the_mean_of_what_each_pixel_covers(seed):
    random = np.random.default_rng(seed)
    rows, columns, taller, wider = random.integers(1, 12, 4)
    levels = random.integers(0, 256, (rows * taller, columns * wider, 3), dtype=np.uint8)
    means = levels.reshape(rows, taller, columns, wider, 3).mean(axis=(1, 3))
    assert np.abs(resize_area(levels, (rows, columns)) - means).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("shape", [(1, 1), (7, 11), (13, 40), (50, 60), (40, 20)])
def test_one_level_stays_that_level(shape):
    levels = np.full((13, 40, 3), 201, np.uint8)
    assert np.array_equal(resize_area(levels, shape), np.full((*shape, 3), 201, np.uint8))


def test_resizing_to_the_same_size_changes_nothing():
    levels = np.random.default_rng(0).integers(0, 256, (20, 30, 1), dtype=np.uint8)
    assert np.array_equal(resize_area(levels, (20, 30)), levels)
