"""MultiverSeg: examples and a person's clicks, boxes and scribbles together.

Wong et al., MultiverSeg: Scalable Interactive Segmentation of Biomedical Imaging Datasets with In-Context Guidance,
ICCV 2025 (arXiv:2412.15058). The names of the parameters are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .cross_unet import CrossBlock, CrossUNet, uninterrupted

CHANNELS = 256
"""That leave each block of the released network, 18.9 million parameters."""

SIDE = 128
"""Rows and columns of the slices that it was trained on."""

NO_EXAMPLE = 0.5
"""Image and mask of the one example that stands for none."""


class MultiverSeg(CrossUNet):
    """The network as released: leaky ReLU in the cross convolution, norms after the other activations.

    The target has five channels: slice, box, marks inside, marks outside, logits of the answer before.
    """

    def __init__(self, channels: int = CHANNELS) -> None:
        def block(target: int, support: int) -> CrossBlock:
            return CrossBlock(target, support, channels, cross_activated=True, normed=True)

        super().__init__(5, 2, block, channels)

    def forward(
        self,
        target: Tensor,
        support_images: Tensor | None = None,
        support_labels: Tensor | None = None,
        at_once: int | None = None,
        before_block: Callable[[], None] = uninterrupted,
    ) -> Tensor:
        """Return logits (b, 1, rows, columns); the structure is where they are above 0.

        Parameters
        ----------
        target
            (b, 5, rows, columns): the slice in [0, 1]; 1 inside the box; 1 on clicks and scribbles inside; 1 on those
            outside; logits of the answer before. What was not drawn is 0. Rows and columns are multiples of 8.
        support_images, support_labels
            (b, s, 1, rows, columns): in [0, 1], and 1 inside the structure and 0 outside; None without examples.
        at_once, before_block
            As for `CrossUNet.logits`.
        """
        if support_images is None or support_labels is None:
            supports = target.new_full((len(target), 1, 2, *target.shape[2:]), NO_EXAMPLE)
        else:
            supports = torch.cat([support_images, support_labels], dim=2)
        return self.logits(target[:, None], supports, at_once, before_block)[:, 0]
