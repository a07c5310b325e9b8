"""Sizes of SAM-Med3D."""

from __future__ import annotations

from dataclasses import dataclass

PATCH_VOXELS = 16


@dataclass(frozen=True)
class SamMed3dArchitecture:
    """Sizes of one variant.

    Parameters
    ----------
    width, depth, heads
        Channels, blocks and attention heads of the image encoder.
    global_blocks
        Blocks whose tokens see the whole volume; the others see windows.
    image_size
        Side of the cubic input [voxels], a multiple of 16.
    embedding_channels
        Channels of the embedding and of the decoder's tokens, a multiple of 48.
    window
        Side of a window [tokens].
    """

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    image_size: int = 128
    embedding_channels: int = 384
    window: int = 14

    @property
    def tokens(self) -> int:
        """Side of the embedding [tokens]."""
        return self.image_size // PATCH_VOXELS

    def window_of(self, block: int) -> int:
        """Return the side of the windows of a block [tokens]: that of the whole embedding where it is global."""
        return self.tokens if block in self.global_blocks else self.window


PUBLISHED = SamMed3dArchitecture(768, 12, 12, (2, 5, 8, 11))
"""The one that its authors call vit_b_ori, 100.5 million parameters: that of SAM-Med3D and SAM-Med3D-turbo."""
