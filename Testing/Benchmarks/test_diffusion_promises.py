"""What is promised about the time of drawing masks on two cores without a graphics card."""

from __future__ import annotations

import time

import pytest
import torch
from MedSegAICore.diffusion.denoisers import SmallDenoiser
from MedSegAICore.diffusion.noise_levels import NoiseLevels
from MedSegAICore.diffusion.sampling import Drawing, draw
from MedSegAICore.engine.run import Run
from MedSegAICore.networks.mask_denoiser import DenoiserArchitecture, MaskDenoiser
from MedSegAICore.request import SamplingOptions

FIVE_MILLION = DenoiserArchitecture(channels=(64, 112, 160))


@pytest.mark.slow
def test_eight_samples_in_ten_steps_take_twenty_seconds_at_most():
    network = MaskDenoiser(FIVE_MILLION).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) > 5e6
    denoiser = SmallDenoiser("five", "", "cpu", 128, None, NoiseLevels(), network)
    drawing = Drawing(denoiser, torch.zeros(1, 2, 128, 128), SamplingOptions(samples=8, steps=10))
    began = time.process_time()
    draw(drawing, Run())
    seconds = time.process_time() - began
    print(f"8 samples, 128 x 128, 10 steps: {seconds:.1f} s of processor time on {torch.get_num_threads()} threads")
    assert seconds <= 20  # processor time of all threads: what one core would take alone
