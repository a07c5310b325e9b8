"""A U-Net whose residual blocks are told the time step: the backbone of guided diffusion.

Dhariwal and Nichol, Diffusion Models Beat GANs on Image Synthesis, NeurIPS 2021 (arXiv:2105.05233), with the time added
to the features. The names of the parameters are those of published checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_GROUPS = 32
_LONGEST_PERIOD = 10_000.0

Hook = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class TimedUNetArchitecture:
    """Sizes of the network.

    Parameters
    ----------
    channels
        Width of the first level.
    factors
        Width of each level as a multiple of `channels`; every level but the last halves rows and columns.
    residual_blocks
        Blocks on each level.
    attention
        Levels, counted from 0, whose blocks are followed by attention; the middle always has it.
    inputs, outputs
        Channels that enter and leave.
    """

    channels: int = 128
    factors: tuple[int, ...] = (1, 1, 2, 2, 4, 4)
    residual_blocks: int = 2
    attention: tuple[int, ...] = (4,)
    inputs: int = 4
    outputs: int = 2


class TimedUNet(nn.Module):
    """(b, inputs, rows, columns) and time steps (b,) -> (b, outputs, rows, columns)."""

    def __init__(self, architecture: TimedUNetArchitecture) -> None:
        super().__init__()
        width, times = architecture.channels, 4 * architecture.channels
        self.architecture = architecture
        self.time_embed = nn.Sequential(nn.Linear(width, times), nn.SiLU(), nn.Linear(times, times))
        self.input_blocks, widths = _encoder(architecture, times)
        deepest = widths[-1]
        self.middle_block = _Timed(
            TimedBlock(deepest, times, deepest), SelfAttention(deepest), TimedBlock(deepest, times, deepest)
        )
        self.output_blocks = _decoder(architecture, times, widths)
        self.out = nn.Sequential(
            nn.GroupNorm(_GROUPS, width), nn.SiLU(), nn.Conv2d(width, architecture.outputs, 3, padding=1)
        )

    def encoded(self, x: Tensor, embedding: Tensor, after_first: Hook | None = None) -> list[Tensor]:
        """Return the output of every input block; `after_first` changes that of the first one."""
        maps: list[Tensor] = []
        for number, block in enumerate(self.input_blocks):
            x = block(x, embedding)
            if number == 0 and after_first is not None:
                x = after_first(x)
            maps.append(x)
        return maps

    def decoded(self, deepest: Tensor, maps: list[Tensor], embedding: Tensor) -> Tensor:
        """Return what leaves the network.

        Parameters
        ----------
        deepest
            What enters the middle block.
        maps
            The outputs of the input blocks.
        embedding
            Of the time steps.
        """
        x = self.middle_block(deepest, embedding)
        for block, beside in zip(self.output_blocks, reversed(maps), strict=True):
            x = block(torch.cat([x, beside], dim=1), embedding)
        left: Tensor = self.out(x)
        return left

    def embedded(self, timesteps: Tensor) -> Tensor:
        """Return the embedding (b, 4 channels) of time steps (b,)."""
        embedding: Tensor = self.time_embed(waves(timesteps, self.architecture.channels))
        return embedding


def waves(timesteps: Tensor, channels: int) -> Tensor:
    """Return cosines and then sines (b, channels) of the time steps, from one radian a step to a ten-thousandth."""
    half = channels // 2
    numbers = torch.arange(half, dtype=torch.float32, device=timesteps.device)
    angles = timesteps.float()[:, None] * torch.exp(-math.log(_LONGEST_PERIOD) / half * numbers)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class TimedBlock(nn.Module):
    """Residual block: (b, inputs, rows, columns) and the time (b, times) -> (b, outputs, rows, columns)."""

    def __init__(self, inputs: int, times: int, outputs: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(_GROUPS, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(times, outputs))
        # published checkpoints were trained without dropout; it holds its place among the names
        self.out_layers = nn.Sequential(
            nn.GroupNorm(_GROUPS, outputs), nn.SiLU(), nn.Dropout(0.0), nn.Conv2d(outputs, outputs, 3, padding=1)
        )
        self.skip_connection = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return the features with what was learned added to them."""
        told = self.in_layers(x) + self.emb_layers(embedding)[:, :, None, None]
        changed: Tensor = self.skip_connection(x) + self.out_layers(told)
        return changed


class SelfAttention(nn.Module):
    """Attention of one head between all pixels: (b, channels, rows, columns) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features with those that each pixel attends to added to them."""
        flat = x.flatten(2)
        asked, offered, told = (part.transpose(1, 2) for part in self.qkv(self.norm(flat)).chunk(3, dim=1))
        attended = functional.scaled_dot_product_attention(asked, offered, told)
        changed: Tensor = flat + self.proj_out(attended.transpose(1, 2))
        return changed.reshape(x.shape)


class _Downsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        smaller: Tensor = self.op(x)
        return smaller


class _Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        larger: Tensor = self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return larger


class _Timed(nn.Sequential):
    """Layers in a row, of which residual blocks are told the time."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:  # type: ignore[override]  # told the time as well
        for layer in self:
            x = layer(x, embedding) if isinstance(layer, TimedBlock) else layer(x)
        return x


def _encoder(architecture: TimedUNetArchitecture, times: int) -> tuple[nn.ModuleList, list[int]]:
    """Return the input blocks and the width of what leaves each."""
    width = architecture.channels
    blocks, widths = [_Timed(nn.Conv2d(architecture.inputs, width, 3, padding=1))], [width]
    for level, factor in enumerate(architecture.factors):
        for _ in range(architecture.residual_blocks):
            outputs = factor * architecture.channels
            blocks.append(_block(width, times, outputs, attends=level in architecture.attention))
            width = outputs
            widths.append(width)
        if level < len(architecture.factors) - 1:
            blocks.append(_Timed(_Downsample(width)))
            widths.append(width)
    return nn.ModuleList(blocks), widths


def _decoder(architecture: TimedUNetArchitecture, times: int, skips: list[int]) -> nn.ModuleList:
    """Return the output blocks, each of which takes the output of an input block beside its input, the last first."""
    blocks, width, left = [], skips[-1], list(skips)
    for level in reversed(range(len(architecture.factors))):
        for number in range(architecture.residual_blocks + 1):
            outputs = architecture.factors[level] * architecture.channels
            block = _block(width + left.pop(), times, outputs, attends=level in architecture.attention)
            width = outputs
            if level and number == architecture.residual_blocks:
                block.append(_Upsample(width))
            blocks.append(block)
    return nn.ModuleList(blocks)


def _block(inputs: int, times: int, outputs: int, *, attends: bool) -> _Timed:
    block = _Timed(TimedBlock(inputs, times, outputs))
    if attends:
        block.append(SelfAttention(outputs))
    return block
