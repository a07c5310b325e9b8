"""UniverSeg: a set of examples tells what to segment, nothing is trained.

Butoi et al., UniverSeg: Universal Medical Image Segmentation, ICCV 2023 (arXiv:2304.06131). The names of the parameters
are those of the published checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .cross_unet import CrossBlock, CrossUNet, uninterrupted

CHANNELS = 64
"""That leave each block of the released network, 1.18 million parameters."""

SIDE = 128
"""Rows and columns of the slices that it was trained on."""


class UniverSeg(CrossUNet):
    """The network as released ("v1"): no activation in the cross convolution, no norms."""

    def __init__(self, channels: int = CHANNELS) -> None:
        def block(target: int, support: int) -> CrossBlock:
            return CrossBlock(target, support, channels, cross_activated=False, normed=False)

        super().__init__(1, 2, block, channels)

    def forward(
        self,
        target: Tensor,
        support_images: Tensor,
        support_labels: Tensor,
        at_once: int | None = None,
        before_block: Callable[[], None] = uninterrupted,
    ) -> Tensor:
        """Return logits (b, 1, rows, columns); the structure is where they are above 0.

        Parameters
        ----------
        target
            (b, 1, rows, columns) in [0, 1]; rows and columns are multiples of 8.
        support_images, support_labels
            (b, s, 1, rows, columns): in [0, 1], and 1 inside the structure and 0 outside.
        at_once, before_block
            As for `CrossUNet.logits`.
        """
        supports = torch.cat([support_images, support_labels], dim=2)
        return self.logits(target[:, None], supports, at_once, before_block)[:, 0]
