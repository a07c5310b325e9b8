"""Attention with decomposed relative positions, fused and without the full table of scores."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

DEFAULT_BIAS_BYTES = 64 << 20
"""Size of one chunk of the bias [bytes]: one head of ViT-B over a whole picture, where all heads need 800 MB.

Smaller ones are up to a tenth faster on two cores, but leave nothing to do for more than eight.
"""


class FusedAttention(nn.Module):
    """Stand in for the attention of `segment_anything`'s image encoder, with the same parameters.

    The relative positions of MViTv2 (Li et al., CVPR 2022, equation 4) add `q . Rh[dy] + q . Rw[dx]` to every
    score. That bias goes into torch's fused attention as an additive mask, made for some heads and rows of queries
    at a time, so that memory grows with the number of tokens and not with its square.

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
        query, key, value = packed.permute(2, 0, 3, 1, 4).contiguous().unbind(0)
        query = query.reshape(batch, heads, rows, columns, depth)
        bias_rows = torch.einsum("bnhwc,hkc->bnhwk", query, _relative(self.rel_pos_h, rows))
        bias_columns = torch.einsum("bnhwc,wkc->bnhwk", query, _relative(self.rel_pos_w, columns))
        gathered = tokens.new_empty(batch, rows, columns, heads, depth)
        heads_at_once, rows_at_once = self._chunk(query)
        # One piece of memory for all chunks: fresh pages would take longer than the sums that go into them.
        memory = query.new_empty(batch * heads_at_once * rows_at_once * columns * rows * columns)
        for head in range(0, heads, heads_at_once):
            some_heads = slice(head, head + heads_at_once)
            for row in range(0, rows, rows_at_once):
                some_rows = slice(row, row + rows_at_once)
                some = query[:, some_heads, some_rows]
                bias = _bias(bias_rows[:, some_heads, some_rows], bias_columns[:, some_heads, some_rows], memory)
                answer = functional.scaled_dot_product_attention(
                    some.flatten(2, 3), key[:, some_heads], value[:, some_heads], attn_mask=bias
                )
                gathered[:, some_rows, :, some_heads] = answer.reshape(some.shape).permute(0, 2, 3, 1, 4)
        projected: Tensor = self.proj(gathered.flatten(3))
        return projected

    def _chunk(self, query: Tensor) -> tuple[int, int]:
        """Return the heads and rows of queries whose bias is made at once: many rows of few heads are fastest."""
        batch, heads, rows, columns, _ = query.shape
        bytes_per_row = batch * columns * rows * columns * query.element_size()
        rows_at_once = max(1, min(rows, self.bias_bytes // bytes_per_row))
        return max(1, min(heads, self.bias_bytes // (bytes_per_row * rows_at_once))), rows_at_once


def _bias(of_rows: Tensor, of_columns: Tensor, memory: Tensor) -> Tensor:
    """Return the bias (batch, heads, queries, keys) from that of the rows and of the columns of all keys.

    It lies in `memory` (n,), unless gradients are asked for: these need what each chunk has added.
    """
    shape = (*of_rows.shape, of_columns.shape[-1])
    room = None if torch.is_grad_enabled() else memory[: prod(shape)].reshape(shape)
    return torch.add(of_rows[..., None], of_columns[..., None, :], out=room).flatten(4).flatten(2, 3)


def _relative(table: Tensor, length: int) -> Tensor:
    """Return the entry (query, key, channel) of a table (2 * length - 1, channel) for every distance."""
    position = torch.arange(length, device=table.device)
    return table[position[:, None] - position[None, :] + length - 1]
