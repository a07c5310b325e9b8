"""From a slice to the input of a network."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.prompt.picture import grey_levels, network_input, resize_bilinear, resized_shape
from MedSegAICore.request import IntensityWindow
from PIL import Image
from tiny_sam import tiny_spec


def test_the_ends_of_the_window_become_black_and_white():
    pixels = np.array([[-1000, -100, 0, 100, 3000]], np.float32)
    levels = grey_levels(pixels, IntensityWindow(-100, 100))
    assert levels.dtype == np.uint8
    assert levels.tolist() == [[0, 0, 128, 255, 255]]


@pytest.mark.parametrize(
    ("shape", "resized"),
    [((512, 512), (1024, 1024)), ((120, 180), (683, 1024)), ((2000, 1000), (1024, 512)), ((1, 5000), (1, 1024))],
)
def test_the_longest_side_fills_the_input(shape, resized):
    assert resized_shape(shape, 1024) == resized


@pytest.mark.parametrize("seed", range(40))
def test_resizing_by_one_factor_equals_pillow_bit_for_bit(seed):
    random = np.random.default_rng(seed)
    columns, size = random.integers(1, 400, 2)
    rows = random.integers(1, 2 * columns + 1)  # some versions of Pillow shrink taller pictures rows first
    levels = random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    shape = resized_shape((rows, columns), size)
    expected = np.asarray(Image.fromarray(levels).resize(shape[::-1], Image.Resampling.BILINEAR))
    assert np.array_equal(resize_bilinear(levels, shape), expected)


def test_resizing_to_the_same_size_changes_nothing():
    levels = np.random.default_rng(0).integers(0, 256, (20, 30, 1), dtype=np.uint8)
    assert np.array_equal(resize_bilinear(levels, (20, 30)), levels)


def test_the_input_is_normalised_first_and_padded_with_zeros_afterwards():
    spec = tiny_spec(64).input
    grey = network_input(np.full((10, 20, 1), 200, np.uint8), spec)
    assert grey.shape == (3, 64, 64)
    assert grey.dtype == np.float32
    for channel in range(3):
        expected = (200 - spec.mean[channel]) / spec.std[channel]
        np.testing.assert_allclose(grey[channel, :32, :], expected, rtol=1e-6)
    assert not grey[:, 32:].any()


def test_grey_is_the_same_as_three_equal_channels():
    levels = np.random.default_rng(0).integers(0, 256, (30, 17, 1), dtype=np.uint8)
    spec = tiny_spec(64).input
    assert np.array_equal(network_input(levels, spec), network_input(levels.repeat(3, axis=2), spec))
