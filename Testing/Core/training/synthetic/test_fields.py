"""Smooth noise keeps its size, whatever its grain."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.training.synthetic.fields import displacement, fractal_noise, smooth_noise, spline_basis


def chance():
    return np.random.default_rng(1)


@pytest.mark.parametrize("knots", [4, 5, 20])
def test_splines_sum_to_one_everywhere(knots):
    basis = spline_basis(50, knots)
    assert basis.shape == (50, knots)
    assert np.allclose(basis.sum(axis=1), 1, atol=1e-6)
    assert (basis >= 0).all()


@pytest.mark.parametrize("grain", [2, 8, 30, 200])
def test_noise_has_deviation_one_in_every_field(grain):
    noise = smooth_noise(64, grain, chance(), 3)
    assert noise.dtype == np.float32
    assert np.allclose(noise.std(axis=(1, 2)), 1, atol=1e-3)
    assert np.allclose(noise.mean(axis=(1, 2)), 0, atol=1e-3)


def test_coarse_noise_is_smoother():
    steep = [np.abs(np.diff(smooth_noise(64, grain, chance())[0])).mean() for grain in (4, 10, 30)]
    assert steep[0] > 1.5 * steep[1] > 2.25 * steep[2]


@pytest.mark.parametrize("grain", [6, 20, 60])
@pytest.mark.parametrize("reach", [0.5, 4.0, 12.0])
def test_a_displacement_is_as_long_as_was_asked_for(grain, reach):
    field = displacement(64, grain, reach, chance())
    assert field.shape == (2, 64, 64)
    assert np.sqrt((field**2).sum(axis=0).mean()) == pytest.approx(reach, rel=1e-3)


def test_texture_has_coarse_and_fine_grains():
    texture = fractal_noise(64, 32, chance())
    coarse = smooth_noise(64, 32, chance())[0]
    assert texture.std() == pytest.approx(1, rel=1e-3)
    assert np.abs(np.diff(texture)).mean() > 2 * np.abs(np.diff(coarse)).mean()
