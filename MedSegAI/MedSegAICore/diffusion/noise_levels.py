"""How much noise there is at each time step, and which steps a short run takes.

The schedules are MONAI's, and one more. The steps are our own: MONAI 1.6.1 lays its time steps from the last one to 0
but lets each of them end where steps of equal length would, so that a run of ten steps ends every step on another noise
level than the one that the next step assumes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from monai.networks.schedulers.scheduler import NoiseSchedules
from numpy.typing import NDArray

from ..errors import InvalidRequest

Float64 = NDArray[np.float64]

SHIFTED_COSINE = "shifted_cosine"
"""Name in MONAI's store of the schedule for masks."""

_LOWEST_LOG_SNR = -20.0  # the last level: pure noise to any eye, but not to a division


@NoiseSchedules.add_def(SHIFTED_COSINE, "Cosine schedule, moved towards more noise")
def shifted_cosine(num_train_timesteps: int, shift: float = 0.1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return betas, alphas and their cumulative products of a cosine schedule under more noise.

    Pixels of a mask agree with their neighbours, so a structure of many pixels is still seen under noise that hides
    a single one. As for large images (Hoogeboom et al., Simple diffusion, ICML 2023, equation 3 and section 3.2), all
    signal-to-noise ratios are therefore multiplied, here by `shift` squared: the steps then lie where it is still open
    whether the structure is there and how large it is.

    Parameters
    ----------
    num_train_timesteps
        Number of time steps; the last one has (almost) no signal.
    shift
        Factor of signal over noise, in amplitudes.
    """
    share = np.arange(1, num_train_timesteps + 1) / num_train_timesteps
    # rounding at the last step gives a tangent of 1e16, not infinity; the lowest level bounds it
    log_snr = np.maximum(-2 * np.log(np.tan(np.pi / 2 * share).clip(1e-12, 1e16)) + 2 * np.log(shift), _LOWEST_LOG_SNR)
    kept = 1 / (1 + np.exp(-log_snr))
    alphas = kept / np.concatenate([[1.0], kept[:-1]])
    return tuple(torch.tensor(values, dtype=torch.float32) for values in (1 - alphas, alphas, kept))  # type: ignore[return-value]


@dataclass(frozen=True)
class NoiseLevels:
    """The noise level of every time step of a trained network.

    Parameters
    ----------
    schedule
        Name in MONAI's store: `shifted_cosine`, `cosine`, `linear_beta`, `scaled_linear_beta` or `sigmoid_beta`.
    steps
        Number of time steps of the training.
    settings
        Arguments of the schedule by name.
    """

    schedule: str = SHIFTED_COSINE
    steps: int = 1000
    settings: tuple[tuple[str, float], ...] = ()

    @property
    def kept(self) -> Float64:
        """Share of the signal's power that is left at each time step (steps,), "alpha bar" of the papers."""
        levels = NoiseSchedules[self.schedule](num_train_timesteps=self.steps, **dict(self.settings))
        if isinstance(levels, tuple):
            return np.asarray(levels[2], dtype=np.float64)
        return np.asarray(np.cumprod(1.0 - np.asarray(levels, dtype=np.float64)), dtype=np.float64)

    def grid(self, count: int, lowest: int = 0) -> tuple[int, ...]:
        """Return `count` time steps from the noisiest one to `lowest`, as equal in length as whole numbers can be.

        Each step ends where the next one begins, and the last one at the clean mask that is expected there; the first
        is always the noisiest of the training ("trailing", Lin et al., Common diffusion noise schedules, WACV 2024).

        Raises
        ------
        InvalidRequest
            There are more steps than there are noise levels down to there, or none.
        """
        most = self.steps - lowest
        if not 1 <= count <= most:
            message = f"{count} steps are asked for."
            raise InvalidRequest(message, f"Choose 1 to {most} steps.")
        begins = [lowest + round(number * most / count) - 1 for number in range(count, 0, -1)]
        return tuple(begins)
