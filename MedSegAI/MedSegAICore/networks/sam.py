"""Segment Anything: the networks of the `segment_anything` package with fused attention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .encoder_block import EncoderBlock
from .segment_anything_package import load_modeling


@dataclass(frozen=True)
class SamArchitecture:
    """Sizes of one variant.

    Parameters
    ----------
    width, depth, heads
        Channels, blocks and attention heads of the image encoder.
    global_blocks
        Blocks whose tokens see the whole picture; the others see windows of 14 x 14 tokens.
    image_size
        Side of the square input [pixels].
    """

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    image_size: int = 1024


ARCHITECTURES = {
    "vit_b": SamArchitecture(768, 12, 12, (2, 5, 8, 11)),
    "vit_l": SamArchitecture(1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": SamArchitecture(1280, 32, 16, (7, 15, 23, 31)),
}
"""Kirillov et al., Segment Anything, ICCV 2023, appendix A."""

EMBEDDING_CHANNELS = 256
PATCH_PIXELS = 16
WINDOW_TOKENS = 14


class PromptedNetwork(nn.Module):
    """SAM around any image encoder: prompt encoder and mask decoder, with the names of the published checkpoints.

    Parameters
    ----------
    image_encoder
        Makes the embedding (1, 256, size / patch, size / patch) of a picture.
    image_size, patch_pixels
        Side of the square input, and of the square that one position of the embedding stands for [pixels].
    """

    def __init__(self, image_encoder: Any, image_size: int, patch_pixels: int) -> None:
        super().__init__()
        modeling = load_modeling()
        self.image_size, self.patch_pixels = image_size, patch_pixels
        tokens = image_size // patch_pixels
        self.image_encoder: Any = image_encoder
        with torch.device("meta"):
            self.prompt_encoder = modeling.PromptEncoder(
                embed_dim=EMBEDDING_CHANNELS,
                image_embedding_size=(tokens, tokens),
                input_image_size=(image_size, image_size),
                mask_in_chans=16,
            )
            transformer = modeling.TwoWayTransformer(
                depth=2, embedding_dim=EMBEDDING_CHANNELS, mlp_dim=2048, num_heads=8
            )
            transformer.register_forward_pre_hook(_channels_together)
            self.mask_decoder = modeling.MaskDecoder(
                transformer_dim=EMBEDDING_CHANNELS, transformer=transformer, num_multimask_outputs=3
            )

    def decode(
        self,
        embedding: Tensor,
        points: tuple[Tensor, Tensor] | None,
        box: Tensor | None,
        mask_logits: Tensor | None,
        several: bool,
    ) -> tuple[Tensor, Tensor]:
        """Return low-resolution logits (prompts, masks, 4 h, 4 w) and their predicted qualities (prompts, masks).

        Parameters
        ----------
        embedding
            (1, 256, h, w) of a picture.
        points
            Positions (prompts, n, 2) as (x, y) in pixels of the input, and labels (prompts, n): 1 inside, 0 outside.
        box
            (prompts, 4) as (x, y, x, y) in pixels of the input.
        mask_logits
            (prompts, 1, 4 h, 4 w) logits of earlier answers.
        several
            Three answers of different extent to each prompt instead of one.
        """
        sparse, dense = self.prompt_encoder(points=points, boxes=box, masks=mask_logits)
        logits, quality = self.mask_decoder(
            image_embeddings=embedding,
            image_pe=self.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=several,
        )
        return logits, quality

    def to_picture(self, logits: Tensor, resized: tuple[int, int], original: tuple[int, int]) -> Tensor:
        """Return low-resolution logits (1, masks, .., ..) at the (rows, columns) of the `original` picture.

        `resized` is its size within the padded input.
        """
        full = functional.interpolate(logits, (self.image_size, self.image_size), mode="bilinear", align_corners=False)
        full = full[..., : resized[0], : resized[1]]
        return functional.interpolate(full, original, mode="bilinear", align_corners=False)

    def within_picture(self, embedding: Tensor, resized: tuple[int, int]) -> Tensor:
        """Return the part (1, 256, h, w) of an embedding that the picture fills, without the padding.

        `resized` is the (rows, columns) of the picture within the padded input. Where it ends within a patch, the
        embedding is interpolated so that the part covers the picture exactly.
        """
        sizes = [max(1, round(length / self.patch_pixels)) for length in resized]
        rows, columns = (
            (torch.arange(size) + 0.5) * (2 * length / self.image_size / size) - 1
            for size, length in zip(sizes, resized, strict=True)
        )
        positions = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)[None].to(embedding)
        return functional.grid_sample(embedding, positions, padding_mode="border", align_corners=False)


def _channels_together(_transformer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Lay the embedding and its positions (.., channels, h, w) so that what follows reads them token by token."""
    *grids, prompts = inputs
    return *(grid.contiguous(memory_format=torch.channels_last) for grid in grids), prompts


class Sam(PromptedNetwork):
    """SAM with its own image encoder, a vision transformer.

    The parameters are placeholders without storage until a checkpoint is assigned to them.
    """

    def __init__(self, architecture: SamArchitecture) -> None:
        with torch.device("meta"):
            encoder = load_modeling().ImageEncoderViT(
                img_size=architecture.image_size,
                patch_size=PATCH_PIXELS,
                embed_dim=architecture.width,
                depth=architecture.depth,
                num_heads=architecture.heads,
                out_chans=EMBEDDING_CHANNELS,
                norm_layer=partial(nn.LayerNorm, eps=1e-6),
                use_rel_pos=True,
                window_size=WINDOW_TOKENS,
                global_attn_indexes=architecture.global_blocks,
            )
        encoder.blocks = nn.ModuleList(EncoderBlock(block) for block in encoder.blocks)
        super().__init__(encoder, architecture.image_size, PATCH_PIXELS)
        self.eval()

    def compute_in(self, dtype: torch.dtype) -> None:
        """Set the type of the large layers of the image encoder; everything else stays in float32."""
        for block in self.image_encoder.blocks:
            block.attn.to(dtype)
            block.mlp.to(dtype)

    def limit_bias(self, bias_bytes: int) -> None:
        """Set the size of one chunk of the attention's bias [bytes]."""
        for block in self.image_encoder.blocks:
            block.attn.bias_bytes = bias_bytes

    def encode(self, image: Tensor, before_block: Callable[[float], None]) -> Tensor:
        """Return the embedding (1, 256, size / 16, size / 16) of a picture.

        Parameters
        ----------
        image
            (1, 3, size, size) float32, normalised and padded.
        before_block
            Called with the fraction done [0, 1] before each block; what it raises ends the encoding.
        """
        encoder = self.image_encoder
        # The convolution leaves the channels of a token far apart, which would slow every sum and norm after it.
        tokens = encoder.patch_embed(image).contiguous() + encoder.pos_embed
        for index, block in enumerate(encoder.blocks):
            before_block(index / len(encoder.blocks))
            tokens = block(tokens)
        embedding: Tensor = encoder.neck(tokens.permute(0, 3, 1, 2)).contiguous()
        return embedding
