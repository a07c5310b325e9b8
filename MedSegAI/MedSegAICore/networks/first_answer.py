"""How networks that go on from another method's answer begin: they repeat it, and learn what to change."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


@torch.no_grad()
def begin_with(readout: nn.Conv2d, direct: nn.Conv2d, weights: Sequence[float], offset: float) -> None:
    """Let an untrained network answer from its input alone.

    Parameters
    ----------
    readout
        Its last layer, which then says nothing.
    direct
        A convolution 1 x 1 from the input to the logit.
    weights, offset
        Of `direct`, one weight for each channel.
    """
    for layer in (readout, direct):
        nn.init.zeros_(layer.weight)
        assert layer.bias is not None  # noqa: S101  torch's default
        nn.init.zeros_(layer.bias)
    assert direct.bias is not None  # noqa: S101  as above
    direct.weight[0, :, 0, 0] = torch.tensor(weights)
    direct.bias.fill_(offset)
