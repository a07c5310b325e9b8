"""From a slice to the input of a network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from MedSegAICore.prompt.picture import grey_levels, network_input, resize_bilinear, resized_shape, shape_in_input
from MedSegAICore.request import IntensityWindow
from PIL import Image
from tiny_sam import tiny_spec
from torch.nn import functional


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


def test_a_stretched_picture_fills_the_input_with_each_side():
    spec = replace(tiny_spec(64).input, resize="stretch", padding="none", interpolation="opencv_nearest")
    levels = np.random.default_rng(0).integers(0, 256, (32, 16, 1), dtype=np.uint8)
    assert shape_in_input((32, 16), spec) == (64, 64)
    assert shape_in_input((32, 16), tiny_spec(64).input) == (64, 32)
    expected = (levels[:, :, 0].repeat(2, axis=0).repeat(4, axis=1) - np.float32(spec.mean[0])) / spec.std[0]
    np.testing.assert_allclose(network_input(levels, spec)[0], expected, rtol=1e-5)


def test_where_the_picture_spans_the_levels_its_darkest_and_brightest_are_0_and_1():
    spec = replace(tiny_spec(64).input, span="picture", mean=(0, 0, 0), std=(255, 255, 255))
    levels = np.random.default_rng(0).integers(60, 90, (40, 64, 1), dtype=np.uint8)
    levels[0, :2, 0] = 50, 100
    given = network_input(levels, spec)
    np.testing.assert_allclose(given[1, :40], (levels[:, :, 0] - 50.0) / 50, atol=1e-6)
    assert not given[:, 40:].any()  # the padding takes no part


def test_a_picture_of_one_level_spans_nothing():
    spec = replace(tiny_spec(64).input, span="picture", mean=(0, 0, 0), std=(255, 255, 255))
    assert not network_input(np.full((64, 64, 1), 7, np.uint8), spec).any()


def test_a_picture_can_be_brought_to_another_size_first():
    spec = replace(
        tiny_spec(64).input,
        first_size=16,
        resize="stretch",
        padding="none",
        interpolation="torch_linear",
        span="picture",
    )
    levels = np.random.default_rng(0).integers(60, 90, (40, 50, 1), dtype=np.uint8)
    first = functional.interpolate(torch.from_numpy(levels[None, None, :, :, 0]).float(), (16, 16), mode="bilinear")
    first = 255 * (first - first.min()) / (first.max() - first.min())
    expected = functional.interpolate(first, (64, 64), mode="bilinear")[0, 0].numpy()
    given = network_input(levels, spec)
    np.testing.assert_allclose(given[2] * spec.std[2] + spec.mean[2], expected, atol=1e-3)
