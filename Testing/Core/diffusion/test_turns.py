"""Samples look at a picture in eight ways, and their masks lie as the picture does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from MedSegAICore.diffusion.noise_levels import NoiseLevels
from MedSegAICore.diffusion.sampling import Drawing, draw, steps_for
from MedSegAICore.diffusion.steps import DDIMSteps
from MedSegAICore.diffusion.turns import WAYS, turned, turned_back, ways_of
from MedSegAICore.engine.run import Run
from MedSegAICore.request import SamplingOptions


class Shown:
    """Says that what it is shown is the structure."""

    size, device, any_way_up = 8, "cpu", True

    def steps(self, options):
        return steps_for(options, DDIMSteps(NoiseLevels("cosine")))

    def predict(self, _noisy, condition, _timestep):
        return 2 * condition - 1

    def probability(self, clean):
        return (clean + 1) / 2


class Habit(Shown):
    """Always finds the upper left corner of what it is shown."""

    def predict(self, noisy, _condition, _timestep):
        said = -torch.ones_like(noisy)
        said[:, :, :2, :3] = 1
        return said


def drawn(denoiser, samples=16, seed=0):
    conditions = torch.zeros(2, 1, 8, 8)
    conditions[0, :, 1:3, 4:8] = 1
    conditions[1, :, 6, 0] = 1
    return draw(Drawing(denoiser, conditions, SamplingOptions(samples, 2, seed)), Run()), conditions[:, 0].numpy()


def test_turning_back_gives_what_was_there():
    pictures = torch.arange(WAYS * 2 * 5 * 5).reshape(WAYS, 2, 5, 5)
    ways = list(range(WAYS))
    laid = turned(pictures[:1].expand(WAYS, -1, -1, -1), ways)
    assert len({tuple(picture.flatten().tolist()) for picture in laid}) == WAYS
    assert torch.equal(turned_back(turned(pictures, ways), ways), pictures)


@pytest.mark.parametrize("seed", [0, 5])
def test_eight_samples_look_in_all_ways_and_a_sample_in_the_same_however_many_there_are(seed):
    assert sorted(ways_of(seed, 8)) == list(range(WAYS))
    assert ways_of(seed, 3) == ways_of(seed, 20)[:3]


def test_masks_lie_as_the_picture_whichever_way_a_sample_looks():
    masks, shown = drawn(Shown())
    np.testing.assert_allclose(masks, np.broadcast_to(shown, masks.shape), atol=1e-6)


def test_a_habit_of_the_network_is_spread_over_the_samples():
    masks, _ = drawn(Habit())
    np.testing.assert_array_equal(masks[:, 0], masks[:, 1])  # slices of one sample are looked at in one way
    mean = masks[:8, 0].mean(axis=0)
    np.testing.assert_allclose(mean, np.rot90(mean), atol=1e-6)
    upright = Habit()
    upright.any_way_up = False
    assert (drawn(upright)[0][:, :, :2, :3] == 1).all()
