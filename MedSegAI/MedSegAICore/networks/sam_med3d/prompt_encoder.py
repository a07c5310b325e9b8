"""The prompt encoder: points become tokens, an earlier answer becomes a volume of features."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .architecture import SamMed3dArchitecture
from .layers import ChannelNorm

PADDING, OUTSIDE, INSIDE = -1, 0, 1
"""Labels of points. A padding point says nothing, wherever it lies."""


class PositionCode(nn.Module):
    """Random Fourier features of positions (Tancik et al., NeurIPS 2020): (..., 3) in [0, 1] -> (..., channels).

    Sine, cosine and sine again, a third of the channels each.
    """

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(3, channels // 3))

    def forward(self, positions: Tensor) -> Tensor:
        phase = 2 * math.pi * ((2 * positions - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat([phase.sin(), phase.cos(), phase.sin()], dim=-1)

    def grid(self, side: int) -> Tensor:
        """Return the code (1, channels, side, side, side) of the centres of a cube's cells.

        The cell at (i, j, k) has the code of the position (j, i, k), unlike a point there: the published weights
        were trained with that.
        """
        centres = (torch.arange(side, device=self.positional_encoding_gaussian_matrix.device) + 0.5) / side
        positions = torch.stack(torch.meshgrid(centres, centres, centres, indexing="xy"), dim=-1)
        code: Tensor = self(positions)
        return code.movedim(-1, 0)[None]


class PromptEncoder(nn.Module):
    """Points, and the logits of an earlier answer or None, become what the mask decoder is asked."""

    def __init__(self, architecture: SamMed3dArchitecture) -> None:
        super().__init__()
        channels = architecture.embedding_channels
        self.image_size, self.tokens = architecture.image_size, architecture.tokens
        self.pe_layer = PositionCode(channels)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, channels) for _ in (OUTSIDE, INSIDE))
        self.not_a_point_embed = nn.Embedding(1, channels)
        self.mask_downscaling = nn.Sequential(
            nn.Conv3d(1, 4, 2, stride=2),
            ChannelNorm(4),
            nn.GELU(),
            nn.Conv3d(4, 16, 2, stride=2),
            ChannelNorm(16),
            nn.GELU(),
            nn.Conv3d(16, channels, 1),
        )
        self.no_mask_embed = nn.Embedding(1, channels)

    def forward(self, positions: Tensor, labels: Tensor, mask_logits: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return tokens (b, n + 1, channels) and features (b, channels, size / 16, size / 16, size / 16).

        Parameters
        ----------
        positions, labels
            (b, n, 3) indices of voxels along the axes of the volume, and (b, n): 1 inside, 0 outside, -1 padding.
        mask_logits
            (b, 1, size / 4, size / 4, size / 4) or None.
        """
        if mask_logits is None:
            features = self.no_mask_embed.weight.reshape(1, -1, 1, 1, 1).expand(len(positions), -1, *[self.tokens] * 3)
        else:
            features = self.mask_downscaling(mask_logits)
        return self._point_tokens(positions, labels), features

    def dense_position_code(self) -> Tensor:
        """Return the code (1, channels, size / 16, size / 16, size / 16) of every place of the embedding."""
        return self.pe_layer.grid(self.tokens)

    def _point_tokens(self, positions: Tensor, labels: Tensor) -> Tensor:
        # the network was trained with one padding point at the end, in place of the box that it does not take
        positions = torch.cat([positions, torch.zeros_like(positions[:, :1])], dim=1)
        labels = torch.cat([labels, torch.full_like(labels[:, :1], PADDING)], dim=1)[..., None]
        codes = self.pe_layer((positions + 0.5) / self.image_size)
        tokens = torch.where(labels == PADDING, self.not_a_point_embed.weight, codes)
        outside, inside = (embedding.get_parameter("weight") for embedding in self.point_embeddings)
        return tokens + (labels == OUTSIDE) * outside + (labels == INSIDE) * inside
