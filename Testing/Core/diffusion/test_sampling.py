"""Masks are drawn from a seed, however they are batched, and a run can be stopped or stops itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from MedSegAICore.diffusion import sampling
from MedSegAICore.diffusion.cost import predicted_seconds
from MedSegAICore.diffusion.noise_levels import NoiseLevels
from MedSegAICore.diffusion.sampling import Drawing, draw, guided, steps_for
from MedSegAICore.diffusion.steps import DDIMSteps
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, SamplingFailed
from MedSegAICore.request import SamplingOptions

SOLVERS = ("ddim", "ddpm", "dpm_solver")


class Coin:
    """A structure that is there as a whole in half of the samples, where the condition is 1."""

    size, device, any_way_up = 8, "cpu", False

    def __init__(self):
        self.batches = []

    def steps(self, options):
        return steps_for(options, DDIMSteps(NoiseLevels("cosine")))

    def predict(self, noisy, condition, timestep):
        self.batches.append(len(noisy))
        kept = DDIMSteps(NoiseLevels("cosine")).kept_at(timestep)
        seen = (noisy * condition).sum(dim=(1, 2, 3), keepdim=True) * kept**0.5 / (1 - kept)
        return torch.where(condition > 0, torch.tanh(seen), -torch.ones(()))

    def probability(self, clean):
        return (clean + 1) / 2


def drawing(samples=6, pictures=1, denoiser=None, **options) -> Drawing:
    conditions = torch.zeros(pictures, 1, 8, 8)
    conditions[:, :, 2:6, 2:6] = 1
    return Drawing(denoiser or Coin(), conditions, SamplingOptions(samples, **options))


@pytest.mark.parametrize("solver", SOLVERS)
def test_samples_differ_and_the_structure_is_there_in_half_of_them(solver):
    drawn = draw(drawing(200, solver=solver), Run())
    assert drawn.shape == (200, 1, 8, 8)
    inside = drawn[:, 0, 2:6, 2:6].mean(axis=(1, 2))
    assert (np.abs(inside - 0.5) > 0.45).mean() > 0.95  # all of it or nothing
    assert inside.mean() == pytest.approx(0.5, abs=0.12)
    assert np.abs(drawn[:, 0, 0, 0]).max() < 0.01


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_seed_repeats_whatever_the_size_of_the_batches(solver, monkeypatch):
    asked = drawing(5, 2, solver=solver, seed=9)
    whole = draw(asked, Run())
    monkeypatch.setattr(sampling, "PIXELS_AT_ONCE", 3 * 64)
    asked.denoiser.batches.clear()
    np.testing.assert_array_equal(draw(asked, Run()), whole)
    assert set(asked.denoiser.batches) == {3, 1}
    assert not np.array_equal(draw(drawing(5, 2, solver=solver, seed=10), Run()), whole)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_sample_stays_when_more_are_drawn(solver):
    np.testing.assert_array_equal(draw(drawing(3, solver=solver), Run()), draw(drawing(7, solver=solver), Run())[:3])


@pytest.mark.parametrize("solver", SOLVERS)
def test_equal_slices_get_equal_masks(solver):
    drawn = draw(drawing(4, 3, solver=solver), Run())
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 1])
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 2])
    assert not np.array_equal(drawn[0], drawn[1])


def test_every_step_is_told_and_shows_what_the_masks_become():
    told, seen = [], []
    draw(
        drawing(4, steps=5),
        Run(lambda fraction, words: told.append((fraction, words))),
        lambda n, m: seen.append((n, m)),
    )
    assert [number for number, _ in seen] == [1, 2, 3, 4, 5]
    assert seen[0][1].shape == (4, 8, 8)
    assert [words for _, words in told] == [f"Step {number} of 5" for number in range(1, 6)]
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)


def test_a_run_stops_between_steps():
    token, asked = CancelToken(), drawing(4, steps=10)

    def after(number, _masks):
        if number == 3:
            token.cancel()

    with pytest.raises(Cancelled):
        draw(asked, Run(cancel=token), after)
    assert len(asked.denoiser.batches) == 3


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_numbers_stop_the_run_by_name(bad):
    class Broken(Coin):
        def predict(self, noisy, condition, timestep):
            said = super().predict(noisy, condition, timestep)
            return torch.full_like(said, bad) if len(self.batches) == 4 else said

    with pytest.raises(SamplingFailed, match="step 4 of 10"):
        draw(drawing(4, denoiser=Broken()), Run())


def test_guidance_moves_away_from_what_is_said_without_conditions():
    with_image, without = torch.tensor([0.5]), torch.tensor([0.2])
    assert guided(with_image, without, 1).item() == pytest.approx(0.5)
    assert guided(with_image, without, 0).item() == pytest.approx(0.2)
    assert guided(with_image, without, 3).item() == pytest.approx(1.1)


def test_guidance_asks_twice_and_no_guidance_once():
    plain, twice = drawing(4, steps=3), drawing(4, steps=3, guidance=2.0)
    draw(plain, Run())
    draw(twice, Run())
    assert len(plain.denoiser.batches) == plain.passes == 3
    assert len(twice.denoiser.batches) == twice.passes == 6


def test_the_cost_grows_with_the_passes(monkeypatch):
    class Slow(Coin):
        def predict(self, noisy, condition, timestep):
            clock[0] += 0.25
            return super().predict(noisy, condition, timestep)

    clock = [0.0]
    monkeypatch.setattr("MedSegAICore.diffusion.cost.time.perf_counter", lambda: clock[0])
    assert predicted_seconds(drawing(4, steps=8, denoiser=Slow())) == pytest.approx(8 * 0.25)
    monkeypatch.setattr(sampling, "PIXELS_AT_ONCE", 2 * 64)
    assert predicted_seconds(drawing(4, steps=8, denoiser=Slow())) == pytest.approx(16 * 0.25)


def test_a_pass_that_another_program_slows_down_does_not_count(monkeypatch):
    class Disturbed(Coin):
        def predict(self, noisy, condition, timestep):
            clock[0] += 0.2 if len(self.batches) == 1 else 0.04
            return super().predict(noisy, condition, timestep)

    clock = [0.0]
    monkeypatch.setattr("MedSegAICore.diffusion.cost.time.perf_counter", lambda: clock[0])
    assert predicted_seconds(drawing(4, steps=8, denoiser=Disturbed())) == pytest.approx(8 * 0.04)
