"""Attention with decomposed relative positions, fused and without the full table of scores."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

DEFAULT_BIAS_BYTES = 32 << 20
"""Size of one chunk of the bias [bytes]: larger ones are not faster, and all at once ViT-B would need 800 MB."""


class FusedAttention(nn.Module):
    """Stand in for the attention of `segment_anything`'s image encoder, with the same parameters.

    The relative positions of MViTv2 (Li et al., CVPR 2022, equation 4) add `q . Rh[dy] + q . Rw[dx]` to every
    score. That bias goes into torch's fused attention as an additive mask, made for a few rows of queries at
    a time, so that memory grows with the number of tokens and not with its square.

    Parameters
    ----------
    attention
        The package's module, whose layers and tables are taken over under the same names.
    """

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.num_heads = int(attention.num_heads)
        self.qkv = attention.qkv
        self.proj = attention.proj
        self.rel_pos_h = attention.rel_pos_h
        self.rel_pos_w = attention.rel_pos_w
        self.bias_bytes = DEFAULT_BIAS_BYTES

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what every token (batch, rows, columns, channels) gathers from all tokens of its window."""
        batch, rows, columns, channels = tokens.shape
        heads, depth = self.num_heads, channels // self.num_heads
        packed = self.qkv(tokens).reshape(batch, rows * columns, 3, heads, depth)
        query, key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)
        query = query.reshape(batch, heads, rows, columns, depth)
        bias_rows = torch.einsum("bnhwc,hkc->bnhwk", query, _relative(self.rel_pos_h, rows))
        bias_columns = torch.einsum("bnhwc,wkc->bnhwk", query, _relative(self.rel_pos_w, columns))
        gathered = tokens.new_empty(batch, rows, columns, heads, depth)
        step = self._rows_at_once(query)
        for first in range(0, rows, step):
            part = slice(first, first + step)
            bias = bias_rows[:, :, part, :, :, None] + bias_columns[:, :, part, :, None, :]
            answer = functional.scaled_dot_product_attention(
                query[:, :, part].flatten(2, 3), key, value, attn_mask=bias.flatten(4).flatten(2, 3)
            )
            gathered[:, part] = answer.reshape(batch, heads, -1, columns, depth).permute(0, 2, 3, 1, 4)
        projected: Tensor = self.proj(gathered.flatten(3))
        return projected

    def _rows_at_once(self, query: Tensor) -> int:
        batch, heads, rows, columns, _ = query.shape
        bytes_per_row = batch * heads * columns * rows * columns * query.element_size()
        return max(1, min(rows, self.bias_bytes // bytes_per_row))


def _relative(table: Tensor, length: int) -> Tensor:
    """Return the entry (query, key, channel) of a table (2 * length - 1, channel) for every distance."""
    position = torch.arange(length, device=table.device)
    return table[position[:, None] - position[None, :] + length - 1]
