"""The noise levels fall from noise to signal, and a short run ends every step where the next begins."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from MedSegAICore.diffusion.noise_levels import NoiseLevels
from MedSegAICore.diffusion.steps import DDIMSteps
from MedSegAICore.errors import InvalidRequest
from monai.networks.schedulers import DDIMScheduler

SCHEDULES = ("shifted_cosine", "cosine", "linear_beta", "scaled_linear_beta", "sigmoid_beta")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_step_back_keeps_more_of_the_signal(schedule):
    kept = NoiseLevels(schedule).kept
    assert kept.shape == (1000,)
    assert (np.diff(kept) < 0).all()
    assert (kept > 0).all()
    assert (kept < 1).all()


def test_the_shifted_cosine_has_the_ratios_of_the_cosine_times_the_shift():
    kept = NoiseLevels(settings=(("shift", 0.2),)).kept
    share = np.arange(1, 1001) / 1000
    ratio = (0.2 / np.tan(np.pi / 2 * share)) ** 2
    np.testing.assert_allclose(kept[:990], (ratio / (1 + ratio))[:990], rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 10, 16, 50, 333, 1000])
def test_a_run_begins_at_the_noisiest_step_and_has_steps_of_equal_length(count):
    grid = NoiseLevels().grid(count)
    lengths = -np.diff([*grid, -1])
    assert len(grid) == count
    assert grid[0] == 999
    assert lengths.max() - lengths.min() <= 1


@pytest.mark.parametrize("count", [1, 3, 10, 500])
def test_a_run_ends_at_the_lowest_level_that_is_asked_for(count):
    grid = NoiseLevels().grid(count, 500)
    lengths = -np.diff([*grid, 499])
    assert len(grid) == count
    assert grid[0] == 999
    assert lengths.max() - lengths.min() <= 1
    with pytest.raises(InvalidRequest, match="1 to 500"):
        NoiseLevels().grid(501, 500)


@pytest.mark.parametrize("count", [0, 1001])
def test_a_run_of_no_step_or_more_than_were_trained_is_refused(count):
    with pytest.raises(InvalidRequest, match="1 to 1000"):
        NoiseLevels().grid(count)


def test_steps_end_where_the_next_one_begins_which_those_of_monai_do_not():
    levels = NoiseLevels("scaled_linear_beta")
    kept, theirs = levels.kept, DDIMScheduler(1000, "scaled_linear_beta")
    theirs.set_timesteps(10)
    begins = theirs.timesteps.tolist()
    ends = [step - 1000 // 10 for step in begins]
    assert max(abs(kept[end] - kept[begin]) for end, begin in zip(ends[:-1], begins[1:], strict=True)) > 0.02
    ours = DDIMSteps(levels)
    ours.set_timesteps(10)
    for begin, after in zip(ours.timesteps.tolist(), [*ours.timesteps.tolist()[1:], -1], strict=True):
        moved, _ = ours.step(torch.ones(1), begin, torch.full((1,), math.sqrt(ours.kept_at(begin))))
        # a sample without noise stays on the signal of the level that the step ends at
        assert float(moved) == pytest.approx(math.sqrt(ours.kept_at(after)), rel=1e-5)
