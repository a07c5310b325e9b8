"""Scans of the same thing differ, and what is to be seen stays."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.training.augmentation import (
    degraded,
    relit,
    spread,
    thick_pixels,
    windowed,
    with_artefact,
    with_bias,
)

SIZE = 64


def picture():
    image = np.full((SIZE, SIZE), 40, np.float32)
    image[20:40, 10:30] = 120
    image[45:50, 45:60] = 900
    return image


@pytest.mark.parametrize("image", [picture(), np.zeros((SIZE, SIZE), np.float32)], ids=["picture", "blank"])
def test_whatever_happens_values_stay_finite_and_small(image):
    for seed in range(60):
        chance = np.random.default_rng(seed)
        lit = relit(degraded(image, chance), chance)
        assert lit.dtype == np.float32
        assert lit.shape == image.shape
        assert lit.min() >= 0
        assert lit.max() <= 1


def test_some_pictures_are_inverted_and_most_are_not():
    bright = []
    for seed in range(200):
        lit = relit(picture(), np.random.default_rng(seed))
        bright.append(lit[46:49, 46:59].mean() > lit[:10].mean())
    assert 0.7 < np.mean(bright) < 0.9


@pytest.mark.parametrize("axis", [0, 1])
def test_thick_pixels_are_means_along_one_axis(axis):
    image = np.random.default_rng(1).random((SIZE, SIZE), dtype=np.float32)
    thick = thick_pixels(image, 4, axis)
    assert thick.mean() == pytest.approx(image.mean(), abs=0.01)
    rough = [np.abs(np.diff(thick, axis=along)).mean() for along in (axis, 1 - axis)]
    assert rough[0] < 0.5 * rough[1]
    assert np.allclose(thick_pixels(np.ones((SIZE, SIZE), np.float32), 3, axis), 1, atol=1e-5)
    assert np.allclose(thick_pixels(image, 1, axis), image, atol=1e-5)


def test_a_window_suits_the_structure():
    mask = np.zeros((SIZE, SIZE), np.bool_)
    mask[20:40, 10:30] = True
    for seed in range(20):
        shown = spread(windowed(picture(), mask, np.random.default_rng(seed)))
        assert shown[30, 20] - shown[5, 5] > 0.15  # 0.09 without the window
        assert shown[47, 50] == 1


def test_a_bias_field_is_smooth():
    even = np.ones((SIZE, SIZE), np.float32)
    field = with_bias(even, 0.3, np.random.default_rng(1))
    assert np.log(field).std() == pytest.approx(0.3, rel=0.01)
    assert np.abs(np.diff(field)).max() < 0.06


def test_every_artefact_leaves_the_structure_to_be_seen():
    image = spread(picture())
    for seed in range(40):
        bad = with_artefact(image, np.random.default_rng(seed))
        assert not np.array_equal(bad, image)
        assert np.corrcoef(bad.ravel(), image.ravel())[0, 1] > 0.6
