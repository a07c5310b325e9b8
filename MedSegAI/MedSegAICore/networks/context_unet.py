"""A small in-context network: a slice, what is known of it, and examples that were laid on it give the structure.

The blocks are those of UniverSeg (Butoi et al., ICCV 2023, arXiv:2304.06131, section 3.2) with normed maps, on pictures
that are folded into patches of 2 x 2 pixels: a pass costs a quarter. Beside the slice the target has a channel for what
another method expects, so that the network need not find out where to look.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from .cross_convolution import Convolution, over_set
from .cross_unet import MULTIPLE, CrossBlock, CrossUNet, uninterrupted
from .first_answer import begin_with

CHANNELS = 32
"""That leave each block of the network that comes with MedSegAI, 0.3 million parameters."""

PATCH = 2
"""Side of the squares that become channels [pixels]."""

SIDE_MULTIPLE = PATCH * MULTIPLE
"""Rows and columns of the input are multiples of it."""

_TARGET, _SUPPORT = 2, 2
_BEGINNING, _BEGINNING_OFFSET = (0.0, 5.0), -2.5
"""Logit that an untrained network gives what it is shown: picture and expectation. The expectation decides alone."""


class ContextUNet(CrossUNet):
    """Segments what examples show, from what is expected on."""

    def __init__(self, channels: int = CHANNELS) -> None:
        squares = PATCH**2

        def block(target: int, support: int) -> CrossBlock:
            return CrossBlock(target, support, channels, cross_activated=True, normed=True)

        super().__init__(_TARGET * squares, _SUPPORT * squares, block, channels)
        self.out_conv = Convolution(channels, squares, 1, activated=False, normed=False)
        self.direct = nn.Conv2d(_TARGET, 1, 1)
        begin_with(self.out_conv.conv, self.direct, _BEGINNING, _BEGINNING_OFFSET)
        self.eval()

    def forward(
        self,
        target: Tensor,
        supports: Tensor,
        at_once: int | None = None,
        before_block: Callable[[], None] = uninterrupted,
    ) -> Tensor:
        """Return logits (b, 1, rows, columns); the structure is where they are above 0.

        Parameters
        ----------
        target
            (b, 2, rows, columns): picture in [0, 1], and the probability that is expected. Rows and columns are
            multiples of `SIDE_MULTIPLE`.
        supports
            (b, s, 2, rows, columns): pictures in [0, 1], and 1 inside the structure and 0 outside.
        at_once, before_block
            As for `CrossUNet.logits`.
        """
        folded = over_set(partial(functional.pixel_unshuffle, downscale_factor=PATCH), supports)
        maps = self.logits(functional.pixel_unshuffle(target, PATCH)[:, None], folded, at_once, before_block)
        logits: Tensor = functional.pixel_shuffle(maps[:, 0], PATCH) + self.direct(target)
        return logits
