"""SAM on TinyViT: MobileSAM (Zhang et al., arXiv:2306.14289, 2023) and two networks that follow it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .hq_decoder import HqMaskDecoder
from .sam import EMBEDDING_CHANNELS, PromptedNetwork
from .tiny_vit import TinyVit, TinyVitArchitecture, WindowBlock

MOBILE_SAM = TinyVitArchitecture()
"""TinyViT-5M on pictures of 1024 x 1024 pixels, as MobileSAM and HQ-SAM have it."""

LITE_MEDSAM = TinyVitArchitecture(image_size=256, stem_pixels=1, classes=0)
"""The same on 256 x 256 pixels, with an embedding as fine: a stem that keeps the size of the picture."""


class MobileSam(PromptedNetwork):
    """SAM whose image encoder is a small network that was taught by SAM's own.

    The parameters are placeholders without storage until a checkpoint is assigned to them.

    Parameters
    ----------
    architecture
        Sizes of the image encoder.
    """

    def __init__(self, architecture: TinyVitArchitecture = MOBILE_SAM) -> None:
        with torch.device("meta"):
            encoder = TinyVit(architecture, EMBEDDING_CHANNELS)
        super().__init__(encoder, architecture.image_size, architecture.patch_pixels)
        self.eval()

    def compute_in(self, dtype: torch.dtype) -> None:
        """Set the type of the linear layers of the image encoder; everything else stays in float32."""
        for block in self.image_encoder.modules():
            if isinstance(block, WindowBlock):
                for layer in (block.attn.qkv, block.attn.proj, block.mlp.fc1, block.mlp.fc2):
                    layer.to(dtype)

    def limit_bias(self, bias_bytes: int) -> None:
        """Do nothing: the bias of attention within small windows takes little memory."""

    def encode(self, image: Tensor, before_block: Callable[[float], None]) -> Tensor:
        """Return the embedding (1, 256, size / patch, size / patch) of a picture.

        Parameters
        ----------
        image
            (1, 3, size, size) float32, normalised and padded.
        before_block
            Called with the fraction done [0, 1] before each block; what it raises ends the encoding.
        """
        embedding: Tensor = self.image_encoder(image, before_block)[0]
        return embedding


class LiteMedSam(MobileSam):
    """The small network that MedSAM (Ma et al., Nature Communications 2024) taught to see medical pictures."""

    def __init__(self, architecture: TinyVitArchitecture = LITE_MEDSAM) -> None:
        super().__init__(architecture)
        prompt_encoder = self.prompt_encoder
        del self.prompt_encoder
        self.prompt_encoder = prompt_encoder  # the last part, as in the published checkpoint


class HqMobileSam(MobileSam):
    """MobileSAM with the mask decoder of HQ-SAM, which gives one finer mask per prompt."""

    def __init__(self, architecture: TinyVitArchitecture = MOBILE_SAM) -> None:
        super().__init__(architecture)
        with torch.device("meta"):
            self.mask_decoder = HqMaskDecoder(self.mask_decoder, early_channels=architecture.widths[2])
        self.eval()

    def encode(self, image: Tensor, before_block: Callable[[float], None]) -> Tensor:
        """Return the embedding, and behind its channels those of early features, as the mask decoder takes them.

        Parameters
        ----------
        image, before_block
            As for `MobileSam.encode`.
        """
        return torch.cat(self.image_encoder(image, before_block), dim=1)
