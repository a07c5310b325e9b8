"""Positions that SAM's image encoder learned, for pictures of another size than it learned them on."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from .sam import PATCH_PIXELS, SamArchitecture

_ABSOLUTE = "image_encoder.pos_embed"


def fitting_positions(
    state: Mapping[str, Tensor], architecture: SamArchitecture
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return what `resized_positions` does, and in words what was done, if anything was."""
    resized = resized_positions(state, architecture)
    if all(resized[name] is tensor for name, tensor in state.items()):
        return resized, ()
    learned, wanted = state[_ABSOLUTE].shape[1] * PATCH_PIXELS, architecture.image_size
    words = f"The checkpoint has learned from pictures of {learned} pixels and is used on {wanted}: its positions were"
    return resized, (f"{words} stretched, and its answers may be worse.",)


def resized_positions(state: Mapping[str, Tensor], architecture: SamArchitecture) -> dict[str, Tensor]:
    """Return a checkpoint's tensors by name, its positions interpolated to the image size of `architecture`.

    Resized are the absolute positions, and the relative ones of blocks that see the whole picture. Blocks that
    see windows keep theirs, because a window has as many tokens in a picture of any size. Tensors that fit
    already, or that are not positions, are passed on as they are.

    Parameters
    ----------
    state
        Tensors under the names of SAM, of a network for square pictures.
    architecture
        The network that is to take them.
    """
    tokens = architecture.image_size // PATCH_PIXELS
    resized = dict(state)
    if _ABSOLUTE not in state or state[_ABSOLUTE].ndim != 4:
        return resized  # another network, which the loader refuses by name
    resized[_ABSOLUTE] = resized_grid(state[_ABSOLUTE], tokens)
    for block in architecture.global_blocks:
        for axis in ("h", "w"):
            relative = f"image_encoder.blocks.{block}.attn.rel_pos_{axis}"
            if relative in state and state[relative].ndim == 2:
                resized[relative] = resized_distances(state[relative], tokens)
    return resized


def resized_grid(positions: Tensor, tokens: int) -> Tensor:
    """Return absolute positions (1, rows, columns, channels) as (1, tokens, tokens, channels), bilinearly."""
    if positions.shape[1:3] == (tokens, tokens):
        return positions
    channels_first = positions.permute(0, 3, 1, 2).float()
    resized = functional.interpolate(channels_first, (tokens, tokens), mode="bilinear", align_corners=False)
    return resized.permute(0, 2, 3, 1).contiguous()


def resized_distances(table: Tensor, tokens: int) -> Tensor:
    """Return a table (distances, channels) for the 2 * `tokens` - 1 distances between tokens, linearly."""
    distances = 2 * tokens - 1
    if table.shape[0] == distances:
        return table
    resized = functional.interpolate(table.T[None].float(), distances, mode="linear", align_corners=False)
    return resized[0].T.contiguous()
