"""What is promised about drawing masks on two cores without a graphics card, and of the network that comes along."""

from __future__ import annotations

import time
from statistics import fmean

import pytest
import torch
from Benchmarks.diffusion_table import by_diffusion, measured, slices_of
from MedSegAICore.diffusion.denoisers import SmallDenoiser
from MedSegAICore.diffusion.noise_levels import NoiseLevels
from MedSegAICore.diffusion.sampling import Drawing, draw
from MedSegAICore.engine.run import Run
from MedSegAICore.networks.mask_denoiser import DenoiserArchitecture, MaskDenoiser
from MedSegAICore.request import SamplingOptions

FIVE_MILLION = DenoiserArchitecture(channels=(64, 112, 160))


@pytest.mark.slow
def test_eight_samples_in_ten_steps_take_twenty_seconds_at_most(machine_pace):
    network = MaskDenoiser(FIVE_MILLION).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) > 5e6
    denoiser = SmallDenoiser("five", "", "cpu", 128, None, NoiseLevels(), network)
    drawing = Drawing(denoiser, torch.zeros(1, 2, 128, 128), SamplingOptions(samples=8, steps=10))
    began = time.process_time()
    draw(drawing, Run())
    seconds = time.process_time() - began
    print(f"8 samples, 128 x 128, 10 steps: {seconds:.1f} s of processor time on {torch.get_num_threads()} threads")
    assert seconds <= 20 * machine_pace  # processor time of all threads: what one core would take alone


@pytest.mark.slow
@pytest.mark.accuracy
@pytest.mark.usefixtures("shared")
def test_masks_of_people_it_was_not_trained_on_are_as_close_to_the_radiologists_as_the_card_says(project):
    weights = project / "Resources" / "Weights" / "diffusion_lung_nodules.safetensors"
    method, size = by_diffusion(weights, SamplingOptions(samples=16, steps=10))
    slices = slices_of("test", most=8)
    found = [measured(method, one, size, with_box=False, seed=number) for number, one in enumerate(slices)]
    distance, agreement = (fmean(one[name] for one in found) for name in ("GED^2", "STAPLE Dice"))
    print(f"{len(found)} slices of 8 people: GED^2 {distance:.3f}, Dice of STAPLE {agreement:.3f}")
    assert distance < 0.25
    assert agreement > 0.8
