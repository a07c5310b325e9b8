"""What a run will cost, from a few passes of the network."""

from __future__ import annotations

import time

import torch

from .sampling import Drawing

PASSES = 5
"""Passes that are timed at most; the fastest counts, because other programs only ever slow a pass down."""

LONGEST_TIMING = 0.3
"""No further pass is timed after so long [s]: a pass that takes longer is hardly disturbed."""


@torch.inference_mode()
def predicted_seconds(drawing: Drawing) -> float:
    """Return how long the network will take [s] to draw what is asked for.

    Passes over a whole batch are timed, after a small one that warms up the device.
    """
    denoiser, device = drawing.denoiser, drawing.denoiser.device
    masks = min(drawing.batch, len(drawing.conditions) * drawing.options.samples)
    timestep = int(denoiser.steps(drawing.options).timesteps[0])
    places = torch.arange(masks) % len(drawing.conditions)
    noisy, conditions = torch.zeros(masks, 1, denoiser.size, denoiser.size), drawing.conditions[places]
    denoiser.predict(noisy[:1].to(device), conditions[:1].to(device), timestep)
    times: list[float] = []
    while len(times) < PASSES and sum(times) < LONGEST_TIMING:
        began = time.perf_counter()
        denoiser.predict(noisy.to(device), conditions.to(device), timestep).cpu()
        times.append(time.perf_counter() - began)
    return drawing.passes * min(times)
