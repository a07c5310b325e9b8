"""HQ-SAM (Ke et al., Segment Anything in High Quality, NeurIPS 2023) on SAM's own image encoder."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .hq_decoder import HqMaskDecoder
from .sam import Sam, SamArchitecture


class HqSam(Sam):
    """SAM with a finer mask, with the names of the published checkpoints.

    Parameters
    ----------
    architecture
        Sizes, those of SAM. The finer mask uses what the first block that sees the whole picture gives
        (section 3.2), so there must be one.
    """

    def __init__(self, architecture: SamArchitecture) -> None:
        super().__init__(architecture)
        self._early_block = min(architecture.global_blocks)
        with torch.device("meta"):
            self.mask_decoder = HqMaskDecoder(self.mask_decoder, early_channels=architecture.width)
        self.eval()

    def encode(self, image: Tensor, before_block: Callable[[float], None]) -> Tensor:
        """Return what `decode` needs of a picture: its embedding and its early features.

        Parameters
        ----------
        image, before_block
            As for `Sam`.

        Returns
        -------
        Tensor
            (1, 256 + width, size / 16, size / 16), the embedding first.
        """
        early: list[Tensor] = []
        block = self.image_encoder.blocks[self._early_block]
        hook = block.register_forward_hook(lambda _block, _taken, tokens: early.append(tokens))
        try:
            embedding = super().encode(image, before_block)
        finally:
            hook.remove()
        return torch.cat([embedding, *(tokens.permute(0, 3, 1, 2) for tokens in early)], dim=1)
