"""The cross convolution: a target meets every support of a set (Butoi et al., UniverSeg, ICCV 2023, arXiv:2304.06131).

Maps come in sets: (b, n, channels, rows, columns), where n counts targets, candidates or supports. The names of the
parameters are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.01
"""Of every leaky ReLU."""

KERNEL, PADDING = 3, 1
"""Of every convolution but the last [pixels]."""

MapsFunction = Callable[[Tensor], Tensor]


def over_set(function: MapsFunction, maps: Tensor) -> Tensor:
    """Return what `function` makes of every member (channels, rows, columns) of a set (b, n, ...)."""
    changed = function(maps.flatten(0, 1))
    return changed.view(*maps.shape[:2], *changed.shape[1:])


def concatenated(first: Tensor, second: Tensor) -> Tensor:
    """Return two sets (b, n, ...) with the channels of the second after those of the first.

    This is done on four dimensions: on five, torch would lay the channels out anew.
    """
    joined = torch.cat([first.flatten(0, 1), second.flatten(0, 1)], dim=1)
    return joined.view(*first.shape[:2], *joined.shape[1:])


def channels_last(maps: Tensor) -> Tensor:
    """Return a set (b, n, ...) with the channels of each pixel side by side in memory, which is fastest throughout."""
    return over_set(lambda flat: flat.contiguous(memory_format=torch.channels_last), maps)


class Convolution(nn.Module):
    """Convolution, then leaky ReLU, then a norm over all channels where the network has norms."""

    def __init__(self, inputs: int, channels: int, kernel: int = KERNEL, *, activated: bool, normed: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, channels, kernel, padding=kernel // 2)
        self.norml = nn.GroupNorm(1, channels) if normed else None
        self.activated = activated

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.conv(maps)
        if self.activated:
            maps = functional.leaky_relu_(maps, SLOPE)
        return maps if self.norml is None else self.norml(maps)


class EachMap(nn.Module):
    """One convolution for every member of a set: (b, n, inputs, rows, columns) -> (b, n, channels, rows, columns)."""

    def __init__(self, inputs: int, channels: int, *, normed: bool = False) -> None:
        super().__init__()
        self.vmapped = Convolution(inputs, channels, activated=True, normed=normed)

    def forward(self, maps: Tensor) -> Tensor:
        return over_set(self.vmapped, maps)


class CrossConvolution(nn.Module):
    """Convolve a target u, concatenated with each support v_i in turn: z_i = act(conv([u; v_i])).

    A convolution is linear, so conv([u; v]) = A u + B v with the first and the last columns of its weights: A u is
    computed once for a target and B v once for a support, instead of both for every pair.

    Parameters
    ----------
    target_channels, support_channels, channels
        Of u, of v_i and of z_i.
    activated
        Whether act is a leaky ReLU; if not, z_i stays linear in v_i, and the mean over supports needs no more than
        B applied to the mean of v_i.
    """

    def __init__(self, target_channels: int, support_channels: int, channels: int, *, activated: bool) -> None:
        super().__init__()
        self.cross_conv = nn.Conv2d(target_channels + support_channels, channels, KERNEL, padding=PADDING)
        self.target_channels = target_channels
        self.activated = activated

    def of_target(self, target: Tensor) -> Tensor:
        """Return A u with the bias, (b, 1, channels, rows, columns), of a target (b, 1, ...)."""
        weight, bias = self.cross_conv.weight[:, : self.target_channels], self.cross_conv.bias
        return over_set(lambda maps: functional.conv2d(maps, weight, bias, padding=PADDING), target)

    def of_supports(self, supports: Tensor) -> Tensor:
        """Return B v_i of every support (b, s, ...)."""
        weight = self.cross_conv.weight[:, self.target_channels :]
        return over_set(lambda maps: functional.conv2d(maps, weight, padding=PADDING), supports)

    def met(self, of_target: Tensor, supports: Tensor) -> Tensor:
        """Return z_i (b, s, channels, rows, columns) from A u and the supports (b, s, ...)."""
        met = self.of_supports(supports).add_(of_target)
        return functional.leaky_relu_(met, SLOPE) if self.activated else met


def summed(maps: Tensor) -> Tensor:
    """Return the sum over a set (b, n, ...) as (b, 1, ...), in float32 whatever the type of the maps."""
    total = maps[:, :1].float()
    for number in range(1, maps.shape[1]):  # one by one: torch would go through the memory in a slower order
        total = total + maps[:, number : number + 1]
    return total
