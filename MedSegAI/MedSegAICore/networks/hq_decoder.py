"""The mask decoder of HQ-SAM (Ke et al., Segment Anything in High Quality, NeurIPS 2023)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .segment_anything_package import load_modeling


class HqMaskDecoder(nn.Module):
    """SAM's mask decoder with one more token, whose mask is drawn on finer features (section 3.2 of the paper).

    It takes the place of a `mask_decoder` and is asked like one, but needs what an early layer of the image
    encoder saw: those channels follow the channels of the embedding.

    Parameters
    ----------
    decoder
        The package's module, whose layers are taken over under the same names.
    early_channels
        Channels of the early features.
    """

    def __init__(self, decoder: Any, early_channels: int) -> None:
        super().__init__()
        channels = self._channels = int(decoder.transformer_dim)
        fine = channels // 8  # channels of what masks are drawn on, four times finer than the embedding
        self.transformer = decoder.transformer
        self.iou_token = decoder.iou_token
        self.mask_tokens = decoder.mask_tokens
        self.output_upscaling = decoder.output_upscaling
        self.output_hypernetworks_mlps = decoder.output_hypernetworks_mlps
        self.iou_prediction_head = decoder.iou_prediction_head
        self.hf_token = nn.Embedding(1, channels)
        self.hf_mlp = load_modeling().mask_decoder.MLP(channels, channels, fine, 3)
        self.compress_vit_feat = _four_times_finer(early_channels, channels, fine)
        self.embedding_encoder = _four_times_finer(channels, channels // 4, fine)
        self.embedding_maskfeature = nn.Sequential(
            nn.Conv2d(fine, channels // 4, kernel_size=3, padding=1),
            load_modeling().common.LayerNorm2d(channels // 4),
            nn.GELU(),
            nn.Conv2d(channels // 4, fine, kernel_size=3, padding=1),
        )

    def forward(
        self,
        image_embeddings: Tensor,
        image_pe: Tensor,
        sparse_prompt_embeddings: Tensor,
        dense_prompt_embeddings: Tensor,
        multimask_output: bool,
        hq_only: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Return one mask per prompt, logits (prompts, 1, 4 h, 4 w), and SAM's quality of it (prompts, 1).

        Parameters
        ----------
        image_embeddings
            (1, channels + early channels, h, w).
        image_pe
            Position code (1, channels, h, w).
        sparse_prompt_embeddings, dense_prompt_embeddings
            (prompts, n, channels) and (prompts, channels, h, w).
        multimask_output
            The best of SAM's three masks for ambiguous prompts is refined, instead of its single mask.
        hq_only
            The finer mask alone, instead of its sum with SAM's.
        """
        embedding, early = image_embeddings.tensor_split([self._channels], dim=1)
        tokens, coarse = self._attend(embedding, image_pe, sparse_prompt_embeddings, dense_prompt_embeddings)
        quality, of_sam, of_hq = self._read(tokens)
        best = torch.zeros_like(quality[:, :1], dtype=torch.int64)
        if multimask_output:
            best = quality[:, 1:].argmax(dim=1, keepdim=True) + 1
        seen = self.embedding_encoder(embedding) + self.compress_vit_feat(early)
        mask = _drawn(of_hq, self.embedding_maskfeature(coarse) + seen)
        if not hq_only:
            chosen = of_sam.gather(1, best[:, :, None].expand(-1, -1, of_sam.shape[2]))
            mask = mask + _drawn(chosen, coarse)
        return mask, quality.gather(1, best)

    def _attend(self, embedding: Tensor, positions: Tensor, sparse: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the tokens found (prompts, n, channels), and what SAM draws on (prompts, fine, 4 h, 4 w)."""
        prompts = sparse.shape[0]
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight, self.hf_token.weight])
        tokens = torch.cat([own.expand(prompts, -1, -1), sparse], dim=1)
        asked = embedding + dense
        found, seen = self.transformer(asked, positions.expand_as(asked), tokens)
        return found, self.output_upscaling(seen.transpose(1, 2).reshape(asked.shape))

    def _read(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return qualities (prompts, masks), and weights of the fine channels: SAM's and those of the finer mask."""
        masks = len(self.output_hypernetworks_mlps)
        quality, *of_sam, of_hq = tokens[:, : masks + 2].unbind(dim=1)
        weights = [layers(token) for layers, token in zip(self.output_hypernetworks_mlps, of_sam, strict=True)]
        return self.iou_prediction_head(quality), torch.stack(weights, dim=1), self.hf_mlp(of_hq)[:, None]


def _four_times_finer(coming: int, between: int, leaving: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(coming, between, kernel_size=2, stride=2),
        load_modeling().common.LayerNorm2d(between),
        nn.GELU(),
        nn.ConvTranspose2d(between, leaving, kernel_size=2, stride=2),
    )


def _drawn(weights: Tensor, features: Tensor) -> Tensor:
    """Return masks (prompts, masks, rows, columns): features, weighed (prompts, masks, channels) and summed."""
    return torch.einsum("pmc,pchw->pmhw", weights, features)
