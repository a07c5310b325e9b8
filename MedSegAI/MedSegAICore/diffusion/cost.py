"""What a run will cost, from one pass of the network."""

from __future__ import annotations

import time

import torch

from .sampling import Drawing


@torch.inference_mode()
def predicted_seconds(drawing: Drawing) -> float:
    """Return how long the network will take [s] to draw what is asked for.

    One pass over a whole batch is timed, after a small one that warms up the device.
    """
    denoiser, device = drawing.denoiser, drawing.denoiser.device
    masks = min(drawing.batch, len(drawing.conditions) * drawing.options.samples)
    timestep = int(denoiser.steps(drawing.options).timesteps[0])
    places = torch.arange(masks) % len(drawing.conditions)
    noisy, conditions = torch.zeros(masks, 1, denoiser.size, denoiser.size), drawing.conditions[places]
    denoiser.predict(noisy[:1].to(device), conditions[:1].to(device), timestep)
    began = time.perf_counter()
    denoiser.predict(noisy.to(device), conditions.to(device), timestep).cpu()
    return drawing.passes * (time.perf_counter() - began)
