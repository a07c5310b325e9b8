"""One block of SAM's image encoder, whose large layers may compute in half precision."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .fused_attention import FusedAttention
from .segment_anything_package import load_modeling


class EncoderBlock(nn.Module):
    """Stand in for a block of `segment_anything`'s image encoder, with the same parameters.

    Attention and the perceptron compute in the type of their weights. The sum that runs through all blocks,
    and the norms, stay in float32: that costs nothing and halves the error of half precision.

    Parameters
    ----------
    block
        The package's module, whose layers are taken over under the same names.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm1 = block.norm1
        self.attn = FusedAttention(block.attn)
        self.norm2 = block.norm2
        self.mlp = block.mlp
        self.window_size = int(block.window_size)  # 0: every token sees the whole picture
        self._windows = load_modeling().image_encoder

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens (batch, rows, columns, channels) after this block, as float32."""
        compute_type = self.attn.proj.weight.dtype
        tokens = tokens + self._attend(self.norm1(tokens).to(compute_type))
        changed: Tensor = tokens + self.mlp(self.norm2(tokens).to(compute_type))
        return changed

    def _attend(self, tokens: Tensor) -> Tensor:
        if self.window_size == 0:
            gathered: Tensor = self.attn(tokens)
            return gathered
        rows, columns = tokens.shape[1:3]
        windows, padded = self._windows.window_partition(tokens, self.window_size)
        whole: Tensor = self._windows.window_unpartition(self.attn(windows), self.window_size, padded, (rows, columns))
        return whole
