"""Samples begin with noise that is normal for each, and spread evenly over all, where the structure lies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from MedSegAICore.diffusion.starting_noise import generators, starting_noise
from scipy import stats

SIZE = 16


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return starting_noise(generators(seed, samples), SIZE, seed)


def brightness(drawn: torch.Tensor) -> np.ndarray:
    """Return how bright the middle is, as a share of all noise that is darker there."""
    places = torch.arange(SIZE) - (SIZE - 1) / 2
    profile = torch.exp(-0.5 * (places / (5 / 64 * SIZE)).square())
    spot = profile[:, None] * profile
    return stats.norm.cdf((drawn[:, 0] * spot / spot.norm()).sum(dim=(1, 2)).numpy())


@pytest.mark.parametrize("samples", [4, 8, 16])
def test_samples_are_spread_evenly_over_what_the_middle_may_be_like(samples):
    parts = np.floor(brightness(noise(samples, 3)) * samples)
    assert sorted(parts) == list(range(samples))


def test_the_noise_of_each_sample_is_normal_over_seeds():
    first = torch.cat([noise(2, seed)[1] for seed in range(600)])
    assert stats.kstest(brightness(first[:, None]), "uniform").pvalue > 0.001
    correlation = np.cov(first[:, 6:10, 6:10].reshape(600, -1).numpy().T)
    assert np.abs(correlation - np.eye(16)).max() < 0.25
    assert first.mean(dim=0).abs().max() < 0.25


def test_a_sample_begins_the_same_however_many_others_are_drawn():
    assert torch.allclose(noise(3, 7), noise(11, 7)[:3])
    assert not torch.allclose(noise(3, 7), noise(3, 8))
