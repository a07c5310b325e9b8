"""Simulated answers are wrong as registered ones are: displaced, bent, and drawn to what looks like the structure."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from MedSegAICore.training.simulated_answers import simulated_answer, simulated_prior

COUNT, SIDE = 24, 64


def discs():
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    mask = ((rows - 30) ** 2 + (columns - 34) ** 2 < 12**2).float()
    return mask.expand(COUNT, 1, SIDE, SIDE).clone()


def drawn(function, *maps, seed=0):
    return function(*maps, np.random.default_rng(seed), torch.Generator().manual_seed(seed))


def overlaps(found, masks):
    inside = (found > 0.5).float()
    return (2 * (inside * masks).sum((1, 2, 3)) / (inside.sum((1, 2, 3)) + masks.sum((1, 2, 3)))).numpy()


def test_priors_are_probabilities_near_the_structure_and_of_many_qualities():
    masks = discs()
    found = torch.cat([drawn(simulated_prior, masks, seed=seed) for seed in range(4)])
    quality = overlaps(found, masks.repeat(4, 1, 1, 1))
    assert found.shape == (4 * COUNT, 1, SIDE, SIDE)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1 + 1e-5
    assert 0.5 < np.median(quality) < 0.97
    assert np.quantile(quality, 0.1) < 0.6 < 0.85 < np.quantile(quality, 0.9)


def test_now_and_then_nothing_is_expected():
    lost = [float(drawn(simulated_prior, discs(), seed=seed).amax((1, 2, 3)).min()) == 0 for seed in range(12)]
    assert 0 < sum(lost) < 12


def test_the_same_seeds_say_the_same():
    masks, images = discs(), torch.rand(COUNT, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    assert torch.equal(drawn(simulated_answer, images, masks, seed=3), drawn(simulated_answer, images, masks, seed=3))
    assert not torch.equal(
        drawn(simulated_answer, images, masks, seed=3), drawn(simulated_answer, images, masks, seed=4)
    )


def test_a_bright_structure_is_found_better_than_one_that_cannot_be_seen():
    masks = discs()
    flat = torch.full_like(masks, 0.5)
    seen, unseen = (
        np.mean([overlaps(drawn(simulated_answer, images, masks, seed=seed), masks).mean() for seed in range(6)])
        for images in (0.2 + 0.6 * masks, flat)
    )
    assert seen > unseen + 0.02


@pytest.mark.parametrize("side", [(0, 0), (60, 60)])
def test_structures_of_a_few_pixels_at_the_edge_give_finite_numbers(side):
    masks = torch.zeros(2, 1, SIDE, SIDE)
    masks[:, :, side[0] : side[0] + 3, side[1] : side[1] + 3] = 1
    found = drawn(simulated_answer, torch.rand(2, 1, SIDE, SIDE), masks)
    assert torch.isfinite(found).all()
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
