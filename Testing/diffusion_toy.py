"""Distributions whose denoisers are known in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from MedSegAICore.diffusion.steps import Steps
from torch import Tensor

Clean = Callable[[Tensor, float], Tensor]
"""Returns the clean value that is expected, given a noisy one and the share of the signal's power that is left."""


def of_gaussian(mean: float, variance: float) -> Clean:
    def clean(noisy: Tensor, kept: float) -> Tensor:
        signal, noise = math.sqrt(kept), 1 - kept
        return (mean * noise + variance * signal * noisy) / (variance * kept + noise)

    return clean


def of_coin(probability: float) -> Clean:
    """1 with this probability, else -1."""

    def clean(noisy: Tensor, kept: float) -> Tensor:
        logit = math.log(probability / (1 - probability)) + 2 * math.sqrt(kept) * noisy / (1 - kept)
        return torch.tanh(logit / 2)

    return clean


def said(steps: Steps, clean: Clean, noisy: Tensor, timestep: int) -> Tensor:
    """Return what a perfect network says, in the terms that `steps` ask for."""
    kept = steps.kept_at(timestep)
    expected = clean(noisy, kept)
    noise = (noisy - math.sqrt(kept) * expected) / math.sqrt(1 - kept)
    if steps.prediction == "sample":
        return expected
    return noise if steps.prediction == "epsilon" else math.sqrt(kept) * noise - math.sqrt(1 - kept) * expected


def drawn(steps: Steps, clean: Clean, count: int, seed: int = 0) -> Tensor:
    """Return `count` samples."""
    generator = torch.Generator().manual_seed(seed)
    sample = torch.randn(count, 1, dtype=torch.float64, generator=generator)
    for timestep in steps.timesteps.tolist():
        sample, _ = steps.step(said(steps, clean, sample, timestep), timestep, sample, generator=generator)
    return sample
