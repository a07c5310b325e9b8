"""The nearest pixel is the one that OpenCV takes, also where its arithmetic takes the one before."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.prompt.nearest_resize import resize_nearest


@pytest.mark.parametrize(
    ("length", "place", "taken"),
    # read off OpenCV 5.0; 128 * 186 / 256 is exactly 93
    [(186, 128, 92), (198, 128, 98), (396, 192, 296), (180, 64, 45), (120, 128, 60), (372, 64, 92), (372, 192, 278)],
)
def test_the_pixel_is_the_one_that_opencv_takes(length, place, taken):
    ramp = np.arange(length)
    assert resize_nearest(ramp[None], (1, 256))[0, place] == taken
    assert resize_nearest(ramp[:, None], (256, 1))[place, 0] == taken


@pytest.mark.parametrize("shape", [(7, 5), (3, 11), (1, 1), (20, 30)])
def test_every_new_pixel_is_an_old_one_and_channels_stay_together(shape):
    pixels = np.arange(7 * 5 * 3).reshape(7, 5, 3)
    resized = resize_nearest(pixels, shape)
    assert resized.shape == (*shape, 3)
    assert set(resized[..., 0].ravel()) <= set(pixels[..., 0].ravel())
    assert np.array_equal(resized[..., 2], resized[..., 0] + 2)


def test_a_picture_of_the_size_stays_as_it_is():
    pixels = np.random.default_rng(0).random((6, 9, 3))
    assert np.array_equal(resize_nearest(pixels, (6, 9)), pixels)


def test_a_larger_picture_by_a_whole_factor_repeats_pixels():
    pixels = np.arange(6).reshape(2, 3)
    assert np.array_equal(resize_nearest(pixels, (4, 9)), pixels.repeat(2, axis=0).repeat(3, axis=1))
