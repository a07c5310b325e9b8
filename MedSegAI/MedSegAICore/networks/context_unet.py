"""A small in-context network: a slice, what is known of it, and examples that were laid on it give the structure.

The blocks are those of UniverSeg (Butoi et al., ICCV 2023, arXiv:2304.06131, section 3.2) with normed maps, on pictures
that are folded into patches of 2 x 2 pixels: a pass costs a quarter. Beside the slice the target has a channel for what
another method expects, so that the network need not find out where to look. All pictures are shown in the window in
which the structure of the examples and its surroundings have contrast: in CT this is a small part of what a picture
holds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from .cross_convolution import Convolution, over_set
from .cross_unet import MULTIPLE, CrossBlock, CrossUNet, uninterrupted
from .first_answer import begin_with

CHANNELS = 32
"""That leave each block unless others are asked for: 0.3 million parameters."""

PATCH = 2
"""Side of the squares that become channels [pixels]."""

SIDE = 96
"""Of the pictures that it is shown and is trained on [pixels], unless a training asks for others."""

SIDE_MULTIPLE = PATCH * MULTIPLE
"""Rows and columns of the input are multiples of it."""

SURROUNDINGS = 6
"""Pixels around the structure of an example that are to have contrast as well."""

_TARGET, _SUPPORT = 2, 2
_DARKEST, _BRIGHTEST, _BEYOND = 0.02, 0.98, 0.1
"""Quantiles of what is to have contrast, and how much farther the window reaches, as a share of their difference."""
_FLAT = 1e-3
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
        target, supports = in_window(target, supports)
        folded = over_set(partial(functional.pixel_unshuffle, downscale_factor=PATCH), supports)
        maps = self.logits(functional.pixel_unshuffle(target, PATCH)[:, None], folded, at_once, before_block)
        logits: Tensor = functional.pixel_shuffle(maps[:, 0], PATCH) + self.direct(target)
        return logits


def in_window(target: Tensor, supports: Tensor) -> tuple[Tensor, Tensor]:
    """Return target and supports with their pictures in the window of the structure, in [0, 1].

    The window reaches from almost the darkest to almost the brightest of what examples show in their structure and a
    little around it. Pictures without structure or contrast stay as they are. Shapes are those of
    `ContextUNet.forward`.
    """
    pictures, masks = supports[:, :, 0], supports[:, :, 1]
    every = 2  # a quarter of the pixels says as much
    near = functional.max_pool2d(masks, 2 * SURROUNDINGS + 1, every, SURROUNDINGS) > 0
    seen = pictures[..., ::every, ::every].masked_fill(~near, torch.nan).flatten(1).float()
    quantiles = seen.new_tensor([_DARKEST, _BRIGHTEST])
    low, high = torch.nanquantile(seen, quantiles, dim=1)
    is_flat = ~(high - low > _FLAT)  # also where nothing was seen
    first = torch.where(is_flat, 0.0, low - _BEYOND * (high - low))
    width = torch.where(is_flat, 1.0, (high - low) * (1 + 2 * _BEYOND))

    def shown(maps: Tensor) -> Tensor:
        pictures, known = torch.split(maps, 1, dim=-3)
        of_each = (-1, *[1] * (maps.ndim - 1))
        windowed = ((pictures - first.view(of_each)) / width.view(of_each)).clamp(0, 1)
        return torch.cat([windowed.to(maps), known], dim=-3)

    return shown(target), shown(supports)
