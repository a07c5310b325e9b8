"""Tyche-TS: several plausible segmentations at once, one for each field of noise.

Rakic et al., Tyche: Stochastic In-Context Learning for Medical Image Segmentation, CVPR 2024 (arXiv:2401.13650). The
names of the parameters are those of the published checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .cross_convolution import EachMap, concatenated
from .cross_unet import CrossBlock, CrossUNet, uninterrupted

CHANNELS = 64
"""That leave each block of the released network, 1.77 million parameters."""

SIDE = 128
"""Rows and columns of the slices that it was trained on."""


class SetBlock(CrossBlock):
    """Let the mean of all candidates meet the supports, and tell every candidate of it.

    The mean of z_i is concatenated after each candidate, and two convolutions follow: so candidates know of each other
    and can differ.
    """

    def __init__(self, target: int, support: int, channels: int) -> None:
        super().__init__(target, support, channels, cross_activated=True, normed=False)
        self.meanconv = EachMap(target + channels, channels)
        for name in ("target", "support"):  # last: that is where the checkpoint has them
            self._modules[name] = self._modules.pop(name)

    def asking(self, target: Tensor) -> Tensor:
        """Return the share of the mean candidate in the cross convolution, (b, 1, channels, rows, columns)."""
        return self.cross.of_target(target.mean(dim=1, keepdim=True))

    def answered(self, target: Tensor, mean: Tensor) -> Tensor:
        """Return the next candidates (b, k, channels, rows, columns) from the mean of z_i (b, 1, ...)."""
        told = concatenated(target, mean.expand(-1, target.shape[1], -1, -1, -1))
        changed: Tensor = self.target(self.meanconv(told))
        return changed


class TycheTS(CrossUNet):
    """The network as released ("v1")."""

    def __init__(self, channels: int = CHANNELS) -> None:
        def block(target: int, support: int) -> CrossBlock:
            return SetBlock(target, support, channels)

        super().__init__(2, 2, block, channels)

    def forward(
        self,
        target: Tensor,
        support_images: Tensor,
        support_labels: Tensor,
        noise: Tensor,
        at_once: int | None = None,
        before_block: Callable[[], None] = uninterrupted,
    ) -> Tensor:
        """Return the logits of k candidates (b, k, rows, columns); the structure is where they are above 0.

        Parameters
        ----------
        target
            (b, 1, rows, columns) in [0, 1]; rows and columns are multiples of 8.
        support_images, support_labels
            (b, s, 1, rows, columns): in [0, 1], and 1 inside the structure and 0 outside.
        noise
            (b, k, 1, rows, columns), standard normal: one field for each candidate.
        at_once, before_block
            As for `CrossUNet.logits`.
        """
        candidates = torch.cat([target[:, None].expand_as(noise), noise], dim=2)
        supports = torch.cat([support_images, support_labels], dim=2)
        return self.logits(candidates, supports, at_once, before_block)[:, :, 0]
