from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.phantom.scanner import abdomen_ct, abdomen_mr
from MedSegAICore.prompt.window import SOFT_TISSUE, automatic_window
from MedSegAICore.volume import ImageVolume


def window_of(array):
    array = np.asarray(array)
    return automatic_window(ImageVolume(array, VolumeGeometry(array.shape, np.eye(4))))


def test_ct_gets_the_soft_tissue_window():
    assert automatic_window(abdomen_ct(0, (4, 4, 8)).image) == SOFT_TISSUE


def test_mr_gets_the_range_of_its_tissues():
    image = abdomen_mr(0, (4, 4, 8)).image
    window = automatic_window(image)
    assert window != SOFT_TISSUE
    assert np.mean((image.array >= window.lower) & (image.array <= window.upper)) > 0.9


def test_a_few_outliers_do_not_widen_the_window():
    array = np.random.default_rng(0).normal(100, 10, (10, 40, 40)).astype(np.float32)
    array[0, 0, 0], array[0, 0, 1] = 1e6, -600
    window = window_of(array)
    assert 50 < window.lower < window.upper < 150


@pytest.mark.parametrize("value", [0, -3.5, 1e17, -1e30, 3e38])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 4, 5)])
def test_a_constant_image_gets_a_window_around_its_value(value, shape):
    window = window_of(np.full(shape, value, dtype=np.float32))
    assert window.lower < np.float32(value) < window.upper


def test_two_values_span_the_window():
    assert tuple(vars(window_of([[[0, 7]]])).values()) == (0, 7)
    image = np.zeros((2, 40, 40), dtype=np.uint8)
    image[0, 0, 0] = 1
    assert tuple(vars(window_of(image)).values()) == (0, 1)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, ">i2", np.float16, np.uint64])
def test_every_type_of_voxel_has_a_window(dtype):
    window = window_of((np.arange(60).reshape(3, 4, 5) % 2).astype(dtype))
    assert (window.lower, window.upper) == (0, 1)


def test_a_window_does_not_depend_on_rare_slices_of_a_large_volume():
    array = np.random.default_rng(0).integers(0, 100, (130, 9, 9))
    array[64, :2] = 4000
    assert window_of(array).upper < 200
