"""From one noise level to the next: MONAI's schedulers with steps that end where the next one begins.

A `Steps` is one of MONAI's schedulers: `DiffusionInferer` trains with it and can sample with it. The formulas are those
of Song et al., Denoising Diffusion Implicit Models, ICLR 2021 (arXiv:2010.02502), and of Lu et al., DPM-Solver++
(arXiv:2211.01095).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from monai.networks.schedulers.scheduler import Scheduler
from torch import Tensor

from ..networks.mask_denoiser import Prediction
from .noise_levels import NoiseLevels

Draw = torch.Generator | Sequence[torch.Generator] | None
"""Where noise comes from: one generator, or one for every sample of the batch; None takes torch's own."""


class Steps(Scheduler):
    """Steps over the noise levels of a trained network, down to the clean mask.

    Parameters
    ----------
    levels
        The noise levels.
    prediction
        What the network says.
    bound
        Largest value of a clean mask, to which estimates of it are clipped; None does not clip.
    lowest
        Time step to which noise is taken off step by step. What is still open there is not drawn by taking off more,
        but by `cuts`; 0 leaves nothing open.
    """

    def __init__(
        self,
        levels: NoiseLevels,
        prediction: Prediction = "sample",
        bound: float | None = 1.0,
        lowest: int = 0,
    ) -> None:
        super().__init__(levels.steps, levels.schedule, **dict(levels.settings))
        self.levels, self.prediction, self.bound, self.lowest = levels, prediction, bound, lowest
        self._kept = levels.kept.tolist()
        self._next: dict[int, int] = {}
        self.set_timesteps(levels.steps - lowest)

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Choose the number of steps; `timesteps` then holds where each begins."""
        grid = self.levels.grid(num_inference_steps, self.lowest)
        self.num_inference_steps = num_inference_steps
        self.timesteps = torch.tensor(grid, device=device)
        self._next = dict(zip(grid, (*grid[1:], -1), strict=True))
        self.restart()

    def step(
        self, model_output: Tensor, timestep: int, sample: Tensor, generator: Draw = None
    ) -> tuple[Tensor, Tensor]:
        """Return the sample at the next noise level, and the clean mask that was seen in it."""
        raise NotImplementedError

    def restart(self) -> None:
        """Forget the samples of before; a solver that looks back does so within one run only."""

    def kept_at(self, timestep: int) -> float:
        """Return the share of the signal's power that is left at a time step; -1 is the clean mask."""
        return 1.0 if timestep < 0 else float(self._kept[timestep])

    def clean_and_noise(self, model_output: Tensor, timestep: int, sample: Tensor) -> tuple[Tensor, Tensor]:
        """Return the clean mask and the noise that the network sees in a noisy mask."""
        kept = self.kept_at(timestep)
        signal, spread = math.sqrt(kept), math.sqrt(1 - kept)
        if self.prediction == "sample":
            clean = model_output
        elif self.prediction == "epsilon":
            clean = (sample - spread * model_output) / signal
        else:
            clean = signal * sample - spread * model_output
        if self.bound is not None:
            clean = clean.clamp(-self.bound, self.bound)
        # of a clipped mask this is another noise than the network's, and fits the mask
        return clean, (sample - signal * clean) / spread


class DDIMSteps(Steps):
    """Steps of DDIM (equation 12): with `eta` 0 along a deterministic path, with 1 as DDPM draws them.

    Parameters
    ----------
    levels, prediction, bound, lowest
        As for `Steps`.
    eta
        Share of the noise that is drawn anew.
    """

    def __init__(
        self,
        levels: NoiseLevels,
        prediction: Prediction = "sample",
        bound: float | None = 1.0,
        lowest: int = 0,
        eta: float = 0.0,
    ) -> None:
        super().__init__(levels, prediction, bound, lowest)
        self.eta = eta

    def step(
        self, model_output: Tensor, timestep: int, sample: Tensor, generator: Draw = None
    ) -> tuple[Tensor, Tensor]:
        """Return the sample at the next noise level, and the clean mask that was seen in it."""
        fresh = noise_like(sample, generator) if self.eta else torch.zeros_like(sample)
        return self.step_with(model_output, timestep, sample, fresh)

    def step_with(self, model_output: Tensor, timestep: int, sample: Tensor, fresh: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same as `step`, with the noise that is drawn anew given."""
        clean, noise = self.clean_and_noise(model_output, int(timestep), sample)
        now, after = self.kept_at(int(timestep)), self.kept_at(self._next[int(timestep)])
        drawn = self.eta * math.sqrt((1 - after) / (1 - now) * max(1 - now / after, 0.0))
        stays = math.sqrt(max(1 - after - drawn**2, 0.0))
        return math.sqrt(after) * clean + stays * noise + drawn * fresh, clean


class DPMSolverSteps(Steps):
    """Steps of DPM-Solver++ (2M): the clean masks of this step and the one before give the path to second order.

    The first step and the last one, which ends without noise, are of first order (algorithm 2).
    """

    _before: tuple[Tensor, float] | None = None

    def restart(self) -> None:
        """Forget the samples of before."""
        self._before = None

    def step(
        self,
        model_output: Tensor,
        timestep: int,
        sample: Tensor,
        generator: Draw = None,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Return the sample at the next noise level, and the clean mask that was seen in it; nothing is drawn."""
        clean, _ = self.clean_and_noise(model_output, int(timestep), sample)
        now, after = self.kept_at(int(timestep)), self.kept_at(self._next[int(timestep)])
        moved = solver_step(sample, clean, now, after, self._before)
        self._before = (clean, now)
        return moved, clean


def solver_step(sample: Tensor, clean: Tensor, now: float, after: float, before: tuple[Tensor, float] | None) -> Tensor:
    """Return the sample at the noise level `after` (DPM-Solver++, algorithm 2).

    Parameters
    ----------
    sample, clean
        The noisy sample at the level `now`, and the clean one that the network sees in it.
    now, after
        Shares of the signal's power that are left; 1 is clean.
    before
        The clean sample and the level of the step before; None makes a step of first order.
    """
    if after >= 1.0:
        return clean
    reach = _half_log_snr(after) - _half_log_snr(now)
    if before is not None:
        ratio = (_half_log_snr(now) - _half_log_snr(before[1])) / reach
        clean = (1 + 1 / (2 * ratio)) * clean - before[0] / (2 * ratio)
    return math.sqrt((1 - after) / (1 - now)) * sample - math.sqrt(after) * math.expm1(-reach) * clean


def _half_log_snr(kept: float) -> float:
    return 0.5 * (math.log(kept) - math.log1p(-kept))


def noise_like(sample: Tensor, generator: Draw) -> Tensor:
    """Return standard normal noise, drawn on the processor so that every device sees the same."""
    if isinstance(generator, Sequence):
        drawn = torch.stack([torch.randn(sample.shape[1:], generator=one) for one in generator])
    else:
        drawn = torch.randn(sample.shape, generator=generator)
    return drawn.to(sample)
