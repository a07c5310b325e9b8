"""The mask decoder: tokens and embedding look at each other, and every mask token becomes a filter."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..segment_anything_package import load_modeling
from .architecture import SamMed3dArchitecture
from .layers import ChannelNorm

MASKS = 4
"""One answer to clear prompts, and three of different extent to ambiguous ones."""


class MaskDecoder(nn.Module):
    """SAM's decoder with a third axis. Its transformer sees places as a list, so it is the package's own."""

    def __init__(self, architecture: SamMed3dArchitecture) -> None:
        super().__init__()
        channels, modeling = architecture.embedding_channels, load_modeling()
        perceptron = modeling.mask_decoder.MLP
        self.transformer = modeling.TwoWayTransformer(depth=2, embedding_dim=channels, mlp_dim=2048, num_heads=8)
        self.iou_token = nn.Embedding(1, channels)
        self.mask_tokens = nn.Embedding(MASKS, channels)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose3d(channels, channels // 4, 2, stride=2),
            ChannelNorm(channels // 4),
            nn.GELU(),
            nn.ConvTranspose3d(channels // 4, channels // 8, 2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            perceptron(channels, channels, channels // 8, 3) for _ in range(MASKS)
        )
        self.iou_prediction_head = perceptron(channels, 256, MASKS, 3)

    def forward(
        self, embedding: Tensor, position_code: Tensor, tokens: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return logits (b, 4, size / 4, size / 4, size / 4) and their predicted qualities (b, 4).

        Parameters
        ----------
        embedding
            Of the volume, (b or 1, channels, size / 16, size / 16, size / 16).
        position_code
            Of its places, (1, channels, size / 16, size / 16, size / 16).
        tokens, features
            From the prompt encoder.
        """
        answers = torch.cat([self.iou_token.weight, self.mask_tokens.weight]).expand(len(tokens), -1, -1)
        asked = embedding + features
        tokens, places = self.transformer(
            asked.flatten(3), position_code.flatten(3), torch.cat([answers, tokens], dim=1)
        )
        volume = self.output_upscaling(places.transpose(1, 2).reshape(asked.shape))
        filters = [mlp(tokens[:, 1 + index]) for index, mlp in enumerate(self.output_hypernetworks_mlps)]
        logits = torch.einsum("bmc,bcijk->bmijk", torch.stack(filters, dim=1), volume)
        quality: Tensor = self.iou_prediction_head(tokens[:, 0])
        return logits, quality
