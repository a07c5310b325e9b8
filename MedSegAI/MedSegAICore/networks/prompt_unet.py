"""A small interactive network: a picture and what was drawn on it give the structure in one pass.

It is a U-Net of MONAI's blocks on pictures that are folded into patches of 2 x 2 pixels: a pass costs a quarter, and
borders stay as fine as the picture. Beside what was drawn it is shown what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from monai.networks.blocks.dynunet_block import UnetResBlock, UnetUpBlock
from torch import Tensor, nn
from torch.nn import functional

from .first_answer import begin_with
from .prompt_cues import CUES, cue_maps

CHANNELS = 6
"""What the network is given: picture, box, marks inside, marks outside, answer before, guess of another model."""


_BEGINNING = (0.0, 0.0, 0.2, 0.5, 0.3, 2.0, -4.0, 1.0, 5.0)
_BEGINNING_OFFSET = -3.2
"""Logit that an untrained network gives what it is shown: image, difference, likelihood, connection, box, marks inside,
marks outside, answer before, guess. The guess decides nearly alone."""


@dataclass(frozen=True)
class PromptArchitecture:
    """Sizes of the network.

    Parameters
    ----------
    widths
        Channels of each level; every level halves rows and columns.
    norm_groups
        Groups of channels that are normalised together; the widths are multiples of it. With one group a step of
        training on the processor takes three quarters of the time that eight take.
    patch
        Side of the squares that become channels [pixels].
    """

    widths: tuple[int, ...] = (32, 48, 64, 96, 128)
    norm_groups: int = 1
    patch: int = 2

    @property
    def multiple(self) -> int:
        """Rows and columns of the input are multiples of it."""
        return int(self.patch * 2 ** (len(self.widths) - 1))


SHIPPED = PromptArchitecture()
"""The network that comes with MedSegAI, 1.1 million parameters."""


class PromptUNet(nn.Module):
    """Segments what the prompts on a picture point at. Nothing in it depends on the rest of a batch."""

    def __init__(self, architecture: PromptArchitecture = SHIPPED) -> None:
        super().__init__()
        self.architecture = architecture
        squares, widths = architecture.patch**2, architecture.widths
        norm = ("GROUP", {"num_groups": architecture.norm_groups})
        inputs, strides = ((CHANNELS - 1 + CUES) * squares, *widths[:-1]), (1, *[2] * (len(widths) - 1))
        self.downs = nn.ModuleList(
            UnetResBlock(2, before, width, 3, stride, norm)
            for before, width, stride in zip(inputs, widths, strides, strict=True)
        )
        self.ups = nn.ModuleList(
            UnetUpBlock(2, below, width, 3, 2, 2, norm) for width, below in reversed(list(pairwise(widths)))
        )
        self.readout = nn.Conv2d(widths[0], squares, 1)
        self.direct = nn.Conv2d(CHANNELS - 1 + CUES, 1, 1)
        begin_with(self.readout, self.direct, _BEGINNING, _BEGINNING_OFFSET)

    def forward(self, channels: Tensor) -> Tensor:
        """Return logits (b, 1, rows, columns); the structure is where they are above 0.

        Parameters
        ----------
        channels
            (b, 6, rows, columns): picture of any scale, and 0..1 for what is in the box, marked inside, marked
            outside, in the answer before, and in the guess of another model. What was not drawn is 0. Rows and
            columns are multiples of `architecture.multiple`.
        """
        shown = torch.cat([cue_maps(channels), channels[:, 1:]], dim=1)
        maps = functional.pixel_unshuffle(shown, self.architecture.patch)
        maps = maps.contiguous(memory_format=torch.channels_last)
        skips = []
        for down in self.downs:
            maps = down(maps)
            skips.append(maps)
        for up, skip in zip(self.ups, reversed(skips[:-1]), strict=True):
            maps = up(maps, skip)
        logits: Tensor = functional.pixel_shuffle(self.readout(maps), self.architecture.patch) + self.direct(shown)
        return logits
