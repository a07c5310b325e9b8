"""What the parts of SAM-Med3D share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ChannelNorm(nn.Module):
    """Layer norm over the channels of every place: (b, c, i, j, k) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        normalised = functional.layer_norm(maps.movedim(1, -1), self.weight.shape, self.weight, self.bias, eps=1e-6)
        return normalised.movedim(-1, 1)
