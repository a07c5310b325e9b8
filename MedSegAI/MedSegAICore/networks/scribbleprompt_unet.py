"""ScribblePrompt-UNet: a slice and what a person drew on it, as five channels, give the structure in one pass.

Wong et al., ScribblePrompt: Fast and Flexible Interactive Segmentation for Any Biomedical Image, ECCV 2024
(arXiv:2312.07381), appendix on the architecture. The names of the parameters are those of the published checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ScribblePromptArchitecture:
    """Sizes of the network.

    Parameters
    ----------
    widths
        Channels of each level of the encoder, from the slice's own resolution downwards; every level halves it.
    inputs
        Channels of the input: slice, box, marks inside, marks outside, logits of the answer before.
    """

    widths: tuple[int, ...]
    inputs: int = 5

    @property
    def multiple(self) -> int:
        """Rows and columns of the input are multiples of it."""
        return int(2 ** len(self.widths))


PUBLISHED = ScribblePromptArchitecture((192, 192, 192, 192))
"""The released network, 3.99 million parameters, trained on slices of 128 x 128 pixels."""


def _uninterrupted() -> None:
    """Go on."""


class Block(nn.Module):
    """Convolution 3 x 3 and PReLU with one slope: (b, inputs, rows, columns) -> (b, channels, rows, columns)."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(inputs, channels, 3, padding=1), nn.PReLU())

    def forward(self, maps: Tensor) -> Tensor:
        activated: Tensor = self.conv(maps)
        return activated


class Readout(nn.Module):
    """Convolution 1 x 1 to the logits: (b, inputs, rows, columns) -> (b, 1, rows, columns)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(inputs, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.conv(maps)
        return logits


class ScribblePromptUNet(nn.Module):
    """The U-Net, in evaluation mode. It has no norms, so nothing in it depends on the rest of a batch."""

    def __init__(self, architecture: ScribblePromptArchitecture = PUBLISHED) -> None:
        super().__init__()
        widths, inputs = architecture.widths, (architecture.inputs, *architecture.widths[:-1])
        below = widths[-1]
        self.ups = nn.ModuleList()  # registered first: that is where the checkpoint has them
        for width in reversed(widths):
            self.ups.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True))
            self.ups.append(Block(below + width, width))
            below = width
        self.downs = nn.ModuleList(Block(*channels) for channels in zip(inputs, widths, strict=True))
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = Block(widths[-1], widths[-1])
        self.final_conv = Readout(widths[0])
        self.eval()

    def forward(self, channels: Tensor, before_block: Callable[[], None] = _uninterrupted) -> Tensor:
        """Return logits (b, 1, rows, columns); the structure is where they are above 0.

        Parameters
        ----------
        channels
            (b, 5, rows, columns) float32: the slice in [0, 1]; 1 inside the box; 1 on clicks and scribbles inside;
            1 on clicks and scribbles outside; logits of the answer before. What was not drawn is 0.
            Rows and columns are multiples of 16.
        before_block
            Called before each block; what it raises ends the computation.
        """
        maps, skips = channels, []
        for down in self.downs:
            before_block()
            maps = down(maps)
            skips.append(maps)
            maps = self.pool(maps)
        before_block()
        maps = self.bottleneck(maps)
        for enlarge, up in zip(self.ups[0::2], self.ups[1::2], strict=True):
            before_block()
            maps = up(torch.cat([skips.pop(), enlarge(maps)], dim=1))
        logits: Tensor = self.final_conv(maps)
        return logits
