"""Where each sample cuts what is still open at the lowest noise level that a network has learned.

There the network expects a soft mask: where the structure is has been drawn by then, how much of its rim belongs to it
has not. One person draws more than another along the whole rim, and so does a sample: it keeps every pixel whose
probability is above its cut. Bright noise in the middle makes a structure large, and the cut goes on with that: it is
low where the noise began bright. As `brightness` is spread evenly, so are the cuts, and a pixel of probability p is
inside the share p of the samples.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cut(probability: Tensor, brightness: Tensor) -> Tensor:
    """Return soft masks that are above one half where the probability is above the sample's cut.

    Parameters
    ----------
    probability
        (samples, ...) 0..1.
    brightness
        Of each sample's first noise (samples,) 0..1; the cut is at 1 less this share.
    """
    shift = torch.logit(brightness).to(probability).view(-1, *[1] * (probability.ndim - 1))
    return torch.sigmoid(torch.logit(probability, eps=1e-6) + shift)
