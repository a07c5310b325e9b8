"""The image encoder: a vision transformer over blocks of voxels, most of whose layers see a window only."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..segment_anything_package import load_modeling
from .architecture import PATCH_VOXELS, SamMed3dArchitecture
from .attention import WindowAttention
from .layers import ChannelNorm


class PatchEmbedding(nn.Module):
    """One token for every block of 16 x 16 x 16 voxels: (b, 1, I, J, K) -> (b, I / 16, J / 16, K / 16, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(1, width, PATCH_VOXELS, stride=PATCH_VOXELS)

    def forward(self, volume: Tensor) -> Tensor:
        tokens: Tensor = self.proj(volume).movedim(1, -1)
        return tokens


class EncoderBlock(nn.Module):
    """Attention within windows, then a perceptron, each added to the tokens (b, i, j, k, width).

    Parameters
    ----------
    width, heads
        Channels of a token, and attention heads.
    window
        Side of the windows [tokens]; as large as the volume where every token sees all others.
    """

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = load_modeling().common.MLPBlock(width, 4 * width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self._attend(self.norm1(tokens))
        changed: Tensor = tokens + self.mlp(self.norm2(tokens))
        return changed

    def _attend(self, tokens: Tensor) -> Tensor:
        gathered = torch.empty_like(tokens)
        starts = (range(0, length, self.attn.window) for length in tokens.shape[1:4])
        for corner in itertools.product(*starts):
            places = (slice(None), *(slice(start, start + self.attn.window) for start in corner))
            gathered[places] = self.attn(tokens[places])
        return gathered


class ImageEncoder(nn.Module):
    """From a volume to its embedding: (b, 1, size, size, size) -> (b, channels, size / 16, size / 16, size / 16)."""

    def __init__(self, architecture: SamMed3dArchitecture) -> None:
        super().__init__()
        width, channels, side = architecture.width, architecture.embedding_channels, architecture.tokens
        self.pos_embed = nn.Parameter(torch.zeros(1, side, side, side, width))
        self.patch_embed = PatchEmbedding(width)
        self.blocks = nn.ModuleList(
            EncoderBlock(width, architecture.heads, architecture.window_of(block))
            for block in range(architecture.depth)
        )
        self.neck = nn.Sequential(
            nn.Conv3d(width, channels, 1, bias=False),
            ChannelNorm(channels),
            nn.Conv3d(channels, channels, 3, padding=1, bias=False),
            ChannelNorm(channels),
        )

    def forward(self, volume: Tensor, before_block: Callable[[float], None]) -> Tensor:
        tokens = self.patch_embed(volume) + self.pos_embed
        for index, block in enumerate(self.blocks):
            before_block(index / len(self.blocks))
            tokens = block(tokens)
        embedding: Tensor = self.neck(tokens.movedim(-1, 1))
        return embedding
