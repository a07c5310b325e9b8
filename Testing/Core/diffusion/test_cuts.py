"""What a network leaves open is cut at another height in every sample."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.diffusion.cuts import cut
from MedSegAICore.diffusion.denoisers import SmallDenoiser
from MedSegAICore.diffusion.noise_levels import NoiseLevels
from MedSegAICore.diffusion.sampling import Drawing, draw, steps_for
from MedSegAICore.diffusion.starting_noise import brightness
from MedSegAICore.diffusion.steps import DDIMSteps
from MedSegAICore.engine.run import Run
from MedSegAICore.networks.mask_denoiser import DenoiserArchitecture, MaskDenoiser
from MedSegAICore.request import SamplingOptions

SOFT = torch.linspace(0, 1, 64).reshape(1, 8, 8)


class Undecided:
    """Expects the same soft mask whatever the noise is."""

    size, device, any_way_up = 8, "cpu", False

    def __init__(self, lowest: int) -> None:
        self.lowest = lowest

    def steps(self, options):
        return steps_for(options, DDIMSteps(NoiseLevels(), lowest=self.lowest))

    def predict(self, noisy, _condition, _timestep):
        return (2 * SOFT - 1).expand(noisy.shape)

    def probability(self, clean):
        return (clean + 1) / 2


def drawn(lowest: int, samples: int = 16) -> torch.Tensor:
    options = SamplingOptions(samples, 4, seed=2)
    return torch.from_numpy(draw(Drawing(Undecided(lowest), torch.zeros(2, 1, 8, 8), options), Run()))


def test_a_pixel_is_inside_the_share_of_the_samples_that_is_its_probability() -> None:
    masks = drawn(500)
    assert torch.equal(masks[:, 0], masks[:, 1])
    assert ((masks[:, 0] > 0.5).float().mean(dim=0) - SOFT[0]).abs().max() <= 0.1
    assert (masks[:, 0].mean(dim=0) - SOFT[0]).abs().max() < 0.08


def test_a_sample_whose_noise_is_bright_in_the_middle_keeps_more() -> None:
    sizes = (drawn(500)[:, 0] > 0.5).sum(dim=(1, 2))
    assert torch.equal(sizes[brightness(16, 2).argsort()], sizes.sort().values)


def test_nothing_is_cut_where_all_noise_is_taken_off() -> None:
    assert torch.allclose(drawn(0), SOFT.expand(16, 2, 8, 8), atol=1e-5)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_what_is_sure_stays_in_every_sample(probability) -> None:
    sure = torch.full((16, 1), probability)
    assert torch.equal(cut(sure, brightness(16, 0)).round(), sure)


@pytest.mark.parametrize(("prediction", "lowest"), [("sample", 500), ("epsilon", 0), ("v_prediction", 0)])
def test_only_a_network_that_says_the_mask_itself_leaves_anything_open(prediction, lowest) -> None:
    network = MaskDenoiser(DenoiserArchitecture(channels=(16, 16, 16), head_channels=16, prediction=prediction))
    denoiser = SmallDenoiser("tiny", "", "cpu", 16, None, NoiseLevels(), network)
    assert denoiser.steps(SamplingOptions(2, 4)).lowest == lowest
