"""SAMed (Zhang and Liu, arXiv:2304.13785, 2023): SAM that labels organs, by a small addition to its weights."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from ..errors import WeightsMismatch
from .resized_positions import resized_positions
from .sam import ARCHITECTURES, EMBEDDING_CHANNELS, Sam, SamArchitecture
from .segment_anything_package import load_modeling

VIT_B = replace(ARCHITECTURES["vit_b"], image_size=512)
"""The published network (section 4.1): SAM's ViT-B on slices of 512 x 512 pixels."""

CLASSES = 8
"""Organs of the multi-atlas abdomen data (Synapse) that the published addition was trained on."""

RANK = 4
"""Rank of the published addition (section 4.3)."""


class Samed(Sam):
    """SAM whose decoder answers with one mask per class, whatever it is asked.

    Parameters
    ----------
    architecture
        Sizes of the base, with the image size that the classes were learned on.
    classes
        What is labelled, without the background.
    """

    def __init__(self, architecture: SamArchitecture = VIT_B, classes: int = CLASSES) -> None:
        super().__init__(architecture)
        with torch.device("meta"):
            self.mask_decoder = load_modeling().MaskDecoder(
                transformer_dim=EMBEDDING_CHANNELS,
                transformer=self.mask_decoder.transformer,
                num_multimask_outputs=classes,  # and the one mask more that SAM always has is the background
            )
        self.eval()

    def label(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, 1 + classes, size / 4, size / 4) and predicted qualities (batch, 1 + classes).

        The background comes first. A pixel belongs to the class of its largest logit.

        Parameters
        ----------
        embedding
            (batch, 256, size / 16, size / 16) from `encode`, of slices with three equal channels in [0, 1].
        """
        sparse, dense = self.prompt_encoder(points=None, boxes=None, masks=None)
        logits, quality = self.mask_decoder.predict_masks(
            image_embeddings=embedding,
            image_pe=self.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
        )
        return logits, quality


class SamedAddition(nn.Module):
    """What a SAMed file holds: thin matrices for the base's encoder, and a whole prompt encoder and mask decoder.

    Low-rank adaptation (Hu et al., LoRA, ICLR 2022): queries and values of block i gain `B A x` with the
    matrices A (rank, width) and B (width, rank) of number 2 i and 2 i + 1. The parameters are placeholders
    without storage until a file is assigned to them.

    Parameters
    ----------
    architecture, classes
        Of the network that the addition makes, as for `Samed`.
    rank
        Of the addition to one matrix.
    """

    def __init__(self, architecture: SamArchitecture = VIT_B, classes: int = CLASSES, rank: int = RANK) -> None:
        super().__init__()
        self.architecture = architecture
        self.classes = classes
        for letter, shape in (("a", (rank, architecture.width)), ("b", (architecture.width, rank))):
            for number in range(2 * architecture.depth):
                self.register_parameter(f"w_{letter}_{number:03d}", nn.Parameter(torch.empty(shape, device="meta")))
        network = Samed(architecture, classes)
        self.prompt_encoder = network.prompt_encoder
        self.mask_decoder = network.mask_decoder

    def added_to(self, base: Sam) -> Samed:
        """Return a base with this addition merged into it; it shares all other weights with both.

        Parameters
        ----------
        base
            SAM of the same variant with its weights, for pictures of any size: its positions are interpolated.

        Raises
        ------
        WeightsMismatch
            The base is another variant of SAM.
        """
        self._refuse_other_than(base)
        state = resized_positions(base.image_encoder.state_dict(prefix="image_encoder."), self.architecture)
        for block in range(self.architecture.depth):
            name = f"image_encoder.blocks.{block}.attn.qkv.weight"
            state[name] = self._adapted(block, state[name])
        state |= self.prompt_encoder.state_dict(prefix="prompt_encoder.")
        state |= self.mask_decoder.state_dict(prefix="mask_decoder.")
        network = Samed(self.architecture, self.classes)
        network.load_state_dict(state, assign=True)
        return network

    def _refuse_other_than(self, base: Sam) -> None:
        wanted = (self.architecture.depth, self.architecture.width)
        found = (len(base.image_encoder.blocks), base.image_encoder.pos_embed.shape[-1])
        if found != wanted:
            blocks, width = wanted
            message = f"SAMed's addition is for a SAM of {blocks} blocks with {width} channels, not of {found[0]} "
            message += f"with {found[1]}. Choose the SAM that it was trained with."
            raise WeightsMismatch(message)

    def _adapted(self, block: int, weight: Tensor) -> Tensor:
        """Return the weights (3 * width, width) of queries, keys and values with the addition of a block."""
        query, key, value = weight.chunk(3)
        return torch.cat([query + self._product(2 * block), key, value + self._product(2 * block + 1)])

    def _product(self, number: int) -> Tensor:
        outer: Tensor = self.get_parameter(f"w_b_{number:03d}") @ self.get_parameter(f"w_a_{number:03d}")
        return outer.detach()
