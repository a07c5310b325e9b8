"""Draw masks: from an image of noise down to a mask, for as many samples and slices as are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..engine.run import Run
from ..errors import SamplingFailed
from ..request import SamplingOptions
from .cuts import cut
from .starting_noise import brightness, generators, starting_noise
from .steps import DDIMSteps, DPMSolverSteps, Steps, noise_like
from .turns import turned, turned_back, ways_of

PIXELS_AT_ONCE = 16 * 64 * 64
"""Pixels of noisy masks in one pass of the network. It does not follow the free memory, so that a seed gives the same
masks however much of it there is."""

OnStep = Callable[[int, Tensor], None]
"""Called after a step with its number, from 1, and the masks that are expected from there (pictures, rows, columns)."""


class Denoiser(Protocol):
    """A trained network, as sampling sees it."""

    size: int
    device: str
    any_way_up: bool
    """It saw its examples turned and mirrored, so samples may look at the picture in different ways."""

    def steps(self, options: SamplingOptions) -> Steps:
        """Return the steps over the noise levels of its training."""
        ...

    def predict(self, noisy: Tensor, condition: Tensor, timestep: int) -> Tensor:
        """Return what it says about noisy masks (b, 1, size, size) under conditions (b, channels, size, size)."""
        ...

    def probability(self, clean: Tensor) -> Tensor:
        """Return clean masks (b, 1, size, size) as probabilities 0..1."""
        ...


@dataclass(frozen=True, eq=False)
class Drawing:
    """Which masks are drawn: every sample of every picture.

    Parameters
    ----------
    denoiser
        The network.
    conditions
        One for each picture (pictures, channels, size, size).
    options
        How many samples, and how.
    """

    denoiser: Denoiser
    conditions: Tensor
    options: SamplingOptions

    @property
    def batch(self) -> int:
        """Masks in one pass of the network."""
        return max(1, PIXELS_AT_ONCE // self.denoiser.size**2)

    @property
    def passes(self) -> int:
        """How often the network is asked about one batch."""
        masks = len(self.conditions) * self.options.samples
        return -(-masks // self.batch) * self.options.steps * (2 if self.options.guidance != 1 else 1)


@torch.inference_mode()
def draw(
    drawing: Drawing, run: Run, on_step: OnStep | None = None
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return probabilities (samples, pictures, size, size) float32 of every sample.

    A sample begins with the same noise on every picture, so that neighbouring slices, which look alike, get masks
    that agree. All masks take a step before any takes the next one.

    Parameters
    ----------
    drawing
        What is drawn.
    run
        Progress, and cancel between batches.
    on_step
        Told after every step what the masks will be like.

    Raises
    ------
    SamplingFailed
        The network gave values that are not numbers.
    Cancelled
        The run was stopped.
    """
    options, pictures = drawing.options, len(drawing.conditions)
    chances = generators(options.seed, options.samples)
    size = drawing.denoiser.size
    first = starting_noise(chances, size, options.seed)
    noisy = first[:, None].expand(-1, pictures, -1, -1, -1).reshape(-1, 1, size, size).contiguous()
    steps = drawing.denoiser.steps(options)
    grid = steps.timesteps.tolist()
    for number, timestep in enumerate(grid, start=1):
        said = torch.empty_like(noisy)
        for start in range(0, len(noisy), drawing.batch):
            run.step((number - 1 + start / len(noisy)) / len(grid), f"Step {number} of {len(grid)}")
            part = slice(start, start + drawing.batch)
            said[part] = _said(drawing, noisy[part], start, timestep)
        if not said.isfinite().all():
            message = f"The network gave values that are not numbers in step {number} of {len(grid)}."
            raise SamplingFailed(message)
        noisy, clean = _moved(steps, said, timestep, noisy, chances, pictures)
        if on_step is not None:
            on_step(number, _masks(drawing, steps, clean))
    drawn = _masks(drawing, steps, noisy).reshape(options.samples, pictures, size, size)
    return np.asarray(drawn.numpy(), dtype=np.float32)


def _masks(drawing: Drawing, steps: Steps, clean: Tensor) -> Tensor:
    """Return the masks (samples * pictures, size, size) that are expected, with what is open in them cut."""
    expected = drawing.denoiser.probability(clean)[:, 0]
    if not steps.lowest:
        return expected
    bright = brightness(drawing.options.samples, drawing.options.seed)
    return cut(expected, bright.repeat_interleave(len(drawing.conditions)))


def _said(drawing: Drawing, noisy: Tensor, start: int, timestep: int) -> Tensor:
    """Return what the network says about a batch of masks, which begins at number `start`."""
    numbers, pictures = range(start, start + len(noisy)), len(drawing.conditions)
    conditions = drawing.conditions[[number % pictures for number in numbers]]
    if not drawing.denoiser.any_way_up:
        return _said_upright(drawing, noisy, conditions, timestep)
    of_samples = ways_of(drawing.options.seed, drawing.options.samples)
    ways = [of_samples[number // pictures] for number in numbers]
    return turned_back(_said_upright(drawing, turned(noisy, ways), turned(conditions, ways), timestep), ways)


def _said_upright(drawing: Drawing, noisy: Tensor, conditions: Tensor, timestep: int) -> Tensor:
    """Return what the network says about masks as they lie, with guidance."""
    device, guidance = drawing.denoiser.device, drawing.options.guidance
    here, conditions = noisy.to(device), conditions.to(device)
    said = drawing.denoiser.predict(here, conditions, timestep)
    if guidance != 1:
        without = drawing.denoiser.predict(here, torch.zeros_like(conditions), timestep)
        said = guided(said, without, guidance)
    return said.float().cpu()


def guided(conditional: Tensor, unconditional: Tensor, guidance: float) -> Tensor:
    """Return a prediction moved away from that without conditions (Ho and Salimans 2022, equation 6).

    Guidance 0 forgets the conditions, 1 is what the network was trained for. Clean masks, noise and velocity are linear
    in each other, so it does not matter which of them is predicted.
    """
    return unconditional + guidance * (conditional - unconditional)


def _moved(
    steps: Steps, said: Tensor, timestep: int, noisy: Tensor, chances: Sequence[torch.Generator], pictures: int
) -> tuple[Tensor, Tensor]:
    """Return the masks at the next noise level and the clean ones; new noise too is shared by all pictures."""
    if not isinstance(steps, DDIMSteps) or steps.eta == 0:
        return steps.step(said, timestep, noisy)
    fresh = noise_like(noisy[::pictures], chances).repeat_interleave(pictures, dim=0)
    return steps.step_with(said, timestep, noisy, fresh)


def steps_for(options: SamplingOptions, plain: Steps) -> Steps:
    """Return the steps of the solver that is asked for, over the noise levels of `plain`."""
    settings = plain.levels, plain.prediction, plain.bound, plain.lowest
    steps: Steps
    if options.solver == "dpm_solver":
        steps = DPMSolverSteps(*settings)
    else:
        steps = DDIMSteps(*settings, eta=float(options.solver == "ddpm"))
    steps.set_timesteps(options.steps)
    return steps
