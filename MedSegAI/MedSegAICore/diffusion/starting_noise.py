"""The noise that samples begin with: of each by itself normal, of all together spread evenly where it matters most.

Whether a structure is there and how large it is follows mostly from how bright the noise is around the middle of the
picture, where the structure lies. Of a few samples drawn independently several would be bright there by chance, and the
answers would be alike. So that brightness is taken from a scrambled Sobol sequence (Owen, Scrambled net variance for
integrals of smooth functions, Annals of Statistics 1997): a handful of samples covers what is plausible.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

WIDTH = 5 / 64
"""Standard deviation of the spot in the middle [sides of the picture]. On the people for validation the size of a mask
goes with the noise in spots of 4 to 6 of 64 pixels most (r = .71)."""


def generators(seed: int, samples: int) -> list[torch.Generator]:
    """Return the chance of each sample, which is the same however many others are drawn."""
    states = (np.random.SeedSequence([seed, sample]).generate_state(1, np.uint64) for sample in range(samples))
    return [torch.Generator().manual_seed(int(state[0]) >> 1) for state in states]


def brightness(samples: int, seed: int) -> Tensor:
    """Return how bright the noise of each sample is in the middle (samples,), as a share 0..1 of all noise.

    The shares are spread evenly. Those of the first samples are the same however many are drawn.
    """
    sequence = torch.quasirandom.SobolEngine(1, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    # a share of 0 or 1 would be infinitely bright
    shares: Tensor = sequence.draw(samples, dtype=torch.float64)[:, 0].clamp(1e-6, 1 - 1e-6)
    return shares


def starting_noise(chances: list[torch.Generator], size: int, seed: int) -> Tensor:
    """Return standard normal noise (samples, 1, size, size).

    Parameters
    ----------
    chances
        Of each sample, see `generators`.
    size
        Side of the pictures [pixels].
    seed
        Of their `brightness`.
    """
    noise: Tensor = torch.stack([torch.randn(1, size, size, generator=chance) for chance in chances])
    spot = _spot(size)
    wanted = torch.special.ndtri(brightness(len(chances), seed)).float().view(-1, 1, 1, 1)
    there: Tensor = (noise * spot).sum(dim=(1, 2, 3), keepdim=True)
    noise += (wanted - there) * spot
    return noise


def _spot(size: int) -> Tensor:
    """Return a round spot (size, size) of length 1 in the middle of a picture."""
    places = torch.arange(size) - (size - 1) / 2
    profile = torch.exp(-0.5 * (places / (WIDTH * size)).square())
    spot = profile[:, None] * profile
    return spot / spot.square().sum().sqrt()
