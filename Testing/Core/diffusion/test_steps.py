"""Samples have the distribution that the denoiser knows, whatever solver, prediction and number of steps."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from diffusion_toy import drawn, of_coin, of_gaussian, said
from MedSegAICore.diffusion.noise_levels import NoiseLevels
from MedSegAICore.diffusion.steps import DDIMSteps, DPMSolverSteps, solver_step
from monai.inferers import DiffusionInferer
from monai.networks.schedulers import DDPMScheduler

COUNT = 20_000
MEAN, VARIANCE = 0.3, 0.16
PREDICTIONS = ("sample", "epsilon", "v_prediction")
LINEAR = NoiseLevels("linear_beta")


def posterior(seen: float) -> tuple[float, float]:
    """Return mean and variance of a value from N(0.5, 1) of which `seen` is known, with noise from N(0, 1/4)."""
    return (0.5 + 4 * seen) / 5, 1 / 5


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("seen", [-1.0, 0.7])
def test_mean_and_variance_are_those_of_the_known_posterior(prediction, eta, seen):
    mean, variance = posterior(seen)
    steps = DDIMSteps(LINEAR, prediction, bound=None, eta=eta)
    steps.set_timesteps(1000 if eta else 100)  # what is drawn anew at every step needs short steps
    samples = drawn(steps, of_gaussian(mean, variance), COUNT)
    assert float(samples.mean()) == pytest.approx(mean, abs=5 * math.sqrt(variance / COUNT))
    assert float(samples.var()) == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("kind", ["ddim", "ddpm", "solver"])
@pytest.mark.parametrize("count", [10, 100])
def test_few_steps_draw_both_values_of_a_coin_as_often_as_many(kind, count):
    levels = NoiseLevels("cosine")
    steps = DPMSolverSteps(levels) if kind == "solver" else DDIMSteps(levels, eta=float(kind == "ddpm"))
    steps.set_timesteps(count)
    samples = drawn(steps, of_coin(0.7), COUNT)
    assert float((samples > 0).double().mean()) == pytest.approx(0.7, abs=0.03)
    assert float((samples.abs() > 0.9).double().mean()) > 0.99


def test_all_steps_of_ddim_with_eta_1_are_those_of_ddpm():
    ours, theirs = DDIMSteps(LINEAR, bound=None, eta=1.0), DDPMScheduler(1000, "linear_beta", clip_sample=False)
    theirs.prediction_type = "sample"
    sample, clean = torch.tensor([[0.8], [-1.3]], dtype=torch.float64), torch.tensor([[0.2], [-0.4]])
    for timestep in (999, 640, 20, 1):
        now, after = ours.kept_at(timestep), ours.kept_at(timestep - 1)
        drift = ours.step(clean, timestep, sample, torch.Generator().manual_seed(4))[0]
        noise = torch.randn(sample.shape, generator=torch.Generator().manual_seed(4))
        spread = math.sqrt((1 - after) / (1 - now) * (1 - now / after))
        mean = theirs._get_mean(timestep, clean, sample)
        torch.testing.assert_close(drift - spread * noise, mean.double(), rtol=1e-4, atol=1e-4)
        assert spread**2 == pytest.approx(float(theirs._get_variance(timestep)), rel=2e-3)


def test_all_steps_of_ddim_with_eta_1_draw_the_distribution_of_ddpm():
    clean = of_gaussian(MEAN, VARIANCE)
    ours = drawn(DDIMSteps(LINEAR, bound=None, eta=1.0), clean, COUNT)
    theirs, steps = DDPMScheduler(1000, "linear_beta", clip_sample=False), DDIMSteps(LINEAR, "epsilon", bound=None)
    generator = torch.Generator().manual_seed(1)
    sample = torch.randn(COUNT, 1, dtype=torch.float64, generator=generator)
    for timestep in range(999, -1, -1):
        sample, _ = theirs.step(said(steps, clean, sample, timestep), timestep, sample, generator=generator)
    quantiles = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95], dtype=torch.float64)
    torch.testing.assert_close(ours[:, 0].quantile(quantiles), sample[:, 0].quantile(quantiles), rtol=0, atol=0.02)


def test_a_seed_repeats_and_another_one_does_not():
    steps, clean = DDIMSteps(NoiseLevels(), eta=1.0), of_coin(0.5)
    steps.set_timesteps(5)
    assert torch.equal(drawn(steps, clean, 50, seed=3), drawn(steps, clean, 50, seed=3))
    assert not torch.equal(drawn(steps, clean, 50, seed=3), drawn(steps, clean, 50, seed=4))


def ode_error(count: int, order: int) -> float:
    """Return how far the solver ends from the path of a Gaussian, which is known in closed form."""
    clean = of_gaussian(MEAN, VARIANCE)
    ratios = torch.linspace(-3.0, 2.0, count + 1, dtype=torch.float64)  # half the logarithm of signal over noise
    kept = [float(torch.sigmoid(2 * ratio)) for ratio in ratios]

    def spread(level: float) -> float:
        return math.sqrt(level * VARIANCE + 1 - level)

    start = torch.tensor([1.7], dtype=torch.float64)
    sample, before = start, None
    for now, after in itertools.pairwise(kept):
        seen = clean(sample, now)
        sample, before = solver_step(sample, seen, now, after, before if order == 2 else None), (seen, now)
    offset = (start - math.sqrt(kept[0]) * MEAN) / spread(kept[0])
    exact = math.sqrt(kept[-1]) * MEAN + spread(kept[-1]) * offset
    return float((sample - exact).abs())


@pytest.mark.parametrize("order", [1, 2])
def test_the_solver_comes_closer_to_a_known_path_as_its_order_promises(order):
    errors = [ode_error(count, order) for count in (100, 200, 400)]
    orders = [math.log2(coarse / fine) for coarse, fine in itertools.pairwise(errors)]
    assert orders == pytest.approx([order, order], abs=0.15)


def test_the_first_order_of_the_solver_is_a_step_of_ddim():
    levels = NoiseLevels("cosine")
    ddim, sample, clean = DDIMSteps(levels, bound=None), torch.tensor([[0.9]]), torch.tensor([[0.2]])
    ddim.set_timesteps(10)
    moved, _ = ddim.step(clean, 599, sample)
    kept = levels.kept
    torch.testing.assert_close(solver_step(sample, clean, kept[599], kept[499], None), moved)


def test_the_inferer_of_monai_samples_with_these_steps():
    steps = DDIMSteps(NoiseLevels())
    steps.set_timesteps(4)
    condition = torch.ones(2, 1, 4, 4)

    def network(x, timesteps, context):
        assert x.shape[1] == 2
        return x[:, 1:].tanh()

    samples = DiffusionInferer(steps).sample(
        torch.zeros(2, 1, 4, 4), network, steps, conditioning=condition, mode="concat", verbose=False
    )
    torch.testing.assert_close(samples, condition.tanh())
