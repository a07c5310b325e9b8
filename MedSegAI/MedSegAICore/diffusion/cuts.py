"""Where each sample cuts what is still open at the noise level where sampling stops.

There the network expects a soft mask: where the structure is has been drawn by then, how much of its rim belongs to it
has not. One person draws more than another along the whole rim, and so does a sample: it keeps every pixel whose
probability is above its cut. Bright noise in the middle makes a structure large, and the cut goes on with that: it is
low where the noise began bright. As `brightness` is spread evenly, so are the cuts, and a pixel of probability p is
inside about the share p of the samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

SPREAD = 0.85
"""How far apart the cuts are, as a share of where they would lie if the samples did not differ already: chosen on the
people for validation."""

STEEPNESS = 4.0
"""How much steeper a cut mask is than the soft one it is cut from: enough for the mean of the masks to be close to it,
and not so much that the rim becomes a staircase of pixels."""


def cut(probability: Tensor, brightness: Tensor) -> Tensor:
    """Return soft masks that are above one half where the probability is above the sample's cut.

    Parameters
    ----------
    probability
        (samples, ...) 0..1.
    brightness
        Of each sample's first noise (samples,) 0..1; the cut is high where it is low.
    """
    shares = torch.special.ndtr(SPREAD * torch.special.ndtri(brightness))
    shift = torch.logit(shares).to(probability).view(-1, *[1] * (probability.ndim - 1))
    return torch.sigmoid(STEEPNESS * (torch.logit(probability, eps=1e-6) + shift))
