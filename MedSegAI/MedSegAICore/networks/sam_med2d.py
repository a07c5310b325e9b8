"""SAM-Med2D (Cheng et al., arXiv:2308.16184, 2023): SAM on small pictures with an adapter in every block."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .encoder_block import EncoderBlock
from .sam import PATCH_PIXELS, Sam, SamArchitecture

VIT_B = SamArchitecture(768, 12, 12, (2, 5, 8, 11), image_size=256)
"""The published network (section 3.1): SAM's ViT-B on pictures of 256 x 256 pixels."""

SQUEEZE = 4
"""How many times fewer channels the adapter weighs channels with."""


class Adapter(nn.Module):
    """Weigh the channels, then add what their neighbourhood says (figure 4 of the paper).

    Parameters
    ----------
    width
        Channels of the tokens.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.channel = nn.Sequential(
            nn.Linear(width, width // SQUEEZE, bias=False),
            nn.ReLU(),
            nn.Linear(width // SQUEEZE, width, bias=False),
            nn.Sigmoid(),
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(width, width, kernel_size=3, stride=2, padding=1, bias=False),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width, kernel_size=4, stride=2, padding=1, bias=False),
            nn.ReLU(),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what is added to the tokens (batch, rows, columns, channels), in float32; both sides even."""
        weights = self.channel(tokens.mean(dim=(1, 2)))
        weighed = tokens * weights[:, None, None]
        around = self.spatial(weighed.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        adapted: Tensor = self.norm((tokens + around).float())
        return adapted


class AdaptedBlock(EncoderBlock):
    """A block of SAM's image encoder with an adapter beside its perceptron.

    Parameters
    ----------
    block
        The block without one, whose layers are taken over under the same names.
    """

    def __init__(self, block: Any) -> None:
        super().__init__(block)
        self.Adapter = Adapter(self.norm2.normalized_shape[0])  # spelled as in the published checkpoints

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens (batch, rows, columns, channels) after this block, as float32."""
        compute_type = self.attn.proj.weight.dtype
        tokens = tokens + self._attend(self.norm1(tokens).to(compute_type))
        normalised = self.norm2(tokens).to(compute_type)
        changed: Tensor = tokens + self.mlp(normalised) + self.Adapter(normalised)
        return changed


class SamMed2d(Sam):
    """SAM with an adapter in every block of the image encoder, with the names of the published checkpoint.

    Parameters
    ----------
    architecture
        Sizes; the image size has to be a multiple of 32 pixels, because the adapters halve the grid of tokens.
    """

    def __init__(self, architecture: SamArchitecture = VIT_B) -> None:
        if architecture.image_size % (2 * PATCH_PIXELS):
            message = f"SAM-Med2D sees pictures of a multiple of 32 pixels, not of {architecture.image_size}."
            raise ValueError(message)
        super().__init__(architecture)
        with torch.device("meta"):
            self.image_encoder.blocks = nn.ModuleList(AdaptedBlock(block) for block in self.image_encoder.blocks)
        self.eval()

    def compute_in(self, dtype: torch.dtype) -> None:
        """Set the type of the large layers of the image encoder; everything else stays in float32."""
        super().compute_in(dtype)
        for block in self.image_encoder.blocks:
            block.Adapter.channel.to(dtype)
            block.Adapter.spatial.to(dtype)
