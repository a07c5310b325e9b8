"""Resizing with cubic splines gives what scikit-image gives, level for level."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.prompt.cubic_resize import resize_cubic
from skimage.transform import resize


def expected(levels, shape):
    return resize(levels, shape, order=3, preserve_range=True, anti_aliasing=True).astype(np.uint8)


@pytest.mark.parametrize(
    ("old", "new"), [((30, 47), (64, 64)), ((97, 120), (64, 64)), ((20, 90), (40, 40)), ((64, 64), (64, 64))]
)
@pytest.mark.parametrize("seed", range(3))
def test_the_levels_are_those_of_scikit_image(old, new, seed):
    levels = np.random.default_rng(seed).integers(0, 256, (*old, 3), dtype=np.uint8)
    resized = resize_cubic(levels, new)
    assert resized.dtype == np.uint8
    assert np.array_equal(resized, expected(levels, new))


def test_a_grey_picture_is_as_a_colour_picture_of_equal_channels():
    levels = np.random.default_rng(5).integers(0, 256, (50, 70, 1), dtype=np.uint8)
    colour = expected(levels.repeat(3, axis=2), (96, 96))
    assert np.array_equal(resize_cubic(levels, (96, 96)).repeat(3, axis=2), colour)


def test_what_overshoots_is_cut_to_the_levels_of_the_picture():
    levels = np.full((12, 12, 1), 40, np.uint8)
    levels[4:8, 4:8] = 200
    resized = resize_cubic(levels, (60, 60))
    assert (resized.min(), resized.max()) == (40, 200)
