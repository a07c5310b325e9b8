"""Attention in a window of a volume, with relative positions and without the zeros that fill the window up."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Biases(NamedTuple):
    """What is added to the score of the query at (i, j, k) for the key at (x, y, z).

    Parameters
    ----------
    own
        (b, head, i, j, k, z): of the query itself.
    third_as_x, third_as_y
        (b, head, i, j, x, z) and (b, head, i, j, y, z): of the queries at (i, j, x) and (i, j, y).
    """

    own: Tensor
    third_as_x: Tensor
    third_as_y: Tensor


class WindowAttention(nn.Module):
    """Attention of all places of a window to each other.

    The relative positions are meant to be those of MViTv2 (Li et al., CVPR 2022, equation 4) with a third axis. What
    the published weights were trained with is
    `q[i, j, k] . Rd[i - z] + q[i, j, x] . Rh[j - z] + q[i, j, y] . Rw[y - z]`
    for the query at (i, j, k) and the key at (x, y, z), so that is what they need.

    They were also trained on windows that zeros fill up where the volume ends. Those zeros are keys too, and at
    the published size they are four fifths of a window. They all have one key and one value, the biases, and differ in
    their relative position only; so they count as one key whose score is the log of the sum of theirs. The result
    is the same, for 512 places instead of 2744.

    Parameters
    ----------
    width, heads
        Channels of a token, and attention heads.
    window
        Side of the window [tokens].
    """

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.num_heads = heads
        self.window = window
        self.rel_pos_d = nn.Parameter(torch.zeros(2 * window - 1, width // heads))
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * window - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * window - 1, width // heads))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what every token (b, i, j, k, channels) gathers; i, j and k are at most the window's side."""
        shape = tokens.shape
        packed = self.qkv(tokens).reshape(*shape[:4], 3, self.num_heads, -1)
        query, key, value = packed.permute(4, 0, 5, 1, 2, 3, 6).unbind(0)
        biases = self._biases(query)
        scores = _inside(biases, shape[1:4])
        query, key, value = (part.flatten(2, 4) for part in (query, key, value))
        if min(shape[1:4]) < self.window:
            # the filling's key has its product with the query added by the attention, like all others
            scores = torch.cat([scores, _filling(biases, shape[1:4])], dim=-1)
            key = torch.cat([key, self._of_zero(1, key)], dim=2)
            value = torch.cat([value, self._of_zero(2, value)], dim=2)
        gathered = functional.scaled_dot_product_attention(query, key, value, attn_mask=scores)
        projected: Tensor = self.proj(gathered.transpose(1, 2).reshape(shape))
        return projected

    def _biases(self, query: Tensor) -> Biases:
        """Return the biases for the queries (b, head, i, j, k, channel) and every key of the full window."""
        first, second, third = query.shape[2:5]
        zeros = self._of_zero(0, query)[:, :, None, None].expand(-1, -1, first, second, self.window - third, -1)
        along_third = torch.cat([query, zeros], dim=4)
        by_first, by_second, by_third = (
            _relative(table, length, self.window)
            for table, length in ((self.rel_pos_d, first), (self.rel_pos_h, second), (self.rel_pos_w, self.window))
        )
        return Biases(
            torch.einsum("bnijkc,izc->bnijkz", query, by_first),
            torch.einsum("bnijxc,jzc->bnijxz", along_third, by_second),
            torch.einsum("bnijyc,yzc->bnijyz", along_third, by_third),
        )

    def _of_zero(self, kind: int, like: Tensor) -> Tensor:
        """Return query (0), key (1) or value (2) of a token of zeros: (b, head, 1, channel), b being that of `like`."""
        bias = self.qkv.bias.reshape(3, 1, self.num_heads, 1, -1)[kind]
        return bias.expand(len(like), -1, -1, -1)


def _relative(table: Tensor, queries: int, window: int) -> Tensor:
    """Return the entry (query, position in the window, channel) of a table for every distance."""
    query = torch.arange(queries, device=table.device)
    position = torch.arange(window, device=table.device)
    return table[query[:, None] - position[None, :] + window - 1]


def _inside(biases: Biases, inside: torch.Size) -> Tensor:
    """Return what is added for the keys within the volume: (b, head, queries, keys)."""
    first, second, third = inside
    own = biases.own[..., None, None, :third]
    by_x = biases.third_as_x[..., None, :first, None, :third]
    by_y = biases.third_as_y[..., None, None, :second, :third]
    return (own + by_x + by_y).flatten(5).flatten(2, 4)


def _filling(biases: Biases, inside: torch.Size) -> Tensor:
    """Return the log of the sum of the exponentials of what is added for all other keys: (b, head, queries, 1).

    For one z the exponential of the sum is a product of what depends on x and what depends on y, so each is summed
    alone. The other keys lie beyond the volume in x, or within it in x and beyond in y, or beyond in z only.
    """
    first, second, third = inside
    own, by_x, by_y = biases
    x_within, x_beyond = by_x[..., :first, :].logsumexp(-2), by_x[..., first:, :].logsumexp(-2)
    y_within, y_beyond = by_y[..., :second, :].logsumexp(-2), by_y[..., second:, :].logsumexp(-2)
    beyond_x_or_y = torch.logaddexp(x_beyond + by_y.logsumexp(-2), x_within + y_beyond)
    beyond_z_only = (x_within + y_within)[..., third:]
    parts = [own + beyond_x_or_y[..., None, :], own[..., third:] + beyond_z_only[..., None, :]]
    return torch.cat(parts, dim=-1).logsumexp(-1).flatten(2)[..., None]
