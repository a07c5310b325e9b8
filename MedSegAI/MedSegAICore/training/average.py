"""The moving average of a network's weights, which segments better than the last ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MovingAverage:
    """Exponential moving average of the tensors of a network.

    Young averages forget faster, so that the random weights of the beginning do not stay in them.

    Parameters
    ----------
    network
        What is averaged.
    decay
        Share of the old average that every step keeps, once there were many.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self.tensors = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after step number `step`, which counts from 0."""
        kept = min(self._decay, (1 + step) / (10 + step))
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor.to(self.tensors[name]), 1 - kept)
            else:
                self.tensors[name].copy_(tensor)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go on from a stored average."""
        for name, tensor in tensors.items():
            self.tensors[name].copy_(tensor)
