"""The whole network: look at a volume once, then answer every click on it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from .architecture import PUBLISHED, SamMed3dArchitecture
from .image_encoder import ImageEncoder
from .mask_decoder import MaskDecoder
from .prompt_encoder import PromptEncoder


class SamMed3d(nn.Module):
    """Image encoder, prompt encoder and mask decoder, in evaluation mode.

    The parameters are placeholders without storage until a checkpoint is assigned to them.
    """

    def __init__(self, architecture: SamMed3dArchitecture = PUBLISHED) -> None:
        super().__init__()
        self.image_size = architecture.image_size
        with torch.device("meta"):
            self.image_encoder = ImageEncoder(architecture)
            self.prompt_encoder = PromptEncoder(architecture)
            self.mask_decoder = MaskDecoder(architecture)
        self.eval()

    def encode(self, volume: Tensor, before_block: Callable[[float], None]) -> Tensor:
        """Return the embedding (1, 384, size / 16, size / 16, size / 16) of a volume.

        Parameters
        ----------
        volume
            (1, 1, size, size, size) float32, of 1.5 mm, normalised by mean and standard deviation of what is above 0.
        before_block
            Called with the fraction done [0, 1] before each block; what it raises ends the encoding.
        """
        embedding: Tensor = self.image_encoder(volume, before_block)
        return embedding

    def decode(
        self, embedding: Tensor, points: tuple[Tensor, Tensor], mask_logits: Tensor | None, several: bool
    ) -> tuple[Tensor, Tensor]:
        """Return low-resolution logits (b, masks, size / 4, size / 4, size / 4) and predicted qualities (b, masks).

        Parameters
        ----------
        embedding
            From `encode`.
        points
            Positions (b, n, 3) as indices along the axes of the volume, and labels (b, n): 1 inside, 0 outside.
        mask_logits
            (b, 1, size / 4, size / 4, size / 4) logits of the answer before. The network was trained to get zeros
            with the first click, which is not the same as None.
        several
            Three answers of different extent instead of one.
        """
        tokens, features = self.prompt_encoder(*points, mask_logits)
        position_code = self.prompt_encoder.dense_position_code()
        logits, quality = self.mask_decoder(embedding, position_code, tokens, features)
        chosen = slice(1, None) if several else slice(0, 1)
        return logits[:, chosen], quality[:, chosen]

    def to_volume(self, logits: Tensor) -> Tensor:
        """Return low-resolution logits (b, masks, .., .., ..) at the size of the input."""
        return functional.interpolate(logits, [self.image_size] * 3, mode="trilinear", align_corners=False)
