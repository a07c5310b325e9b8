"""TinyViT (Wu et al., ECCV 2022) as an image encoder of SAM: convolutions first, then attention in windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from .segment_anything_package import load_modeling

EXPANSION = 4
"""How many times more channels lie within a block than between blocks (section 4.1 of the paper)."""


@dataclass(frozen=True)
class TinyVitArchitecture:
    """Sizes of one variant; the defaults are the published 5 million parameters (table 1 of the paper).

    Parameters
    ----------
    image_size
        Side of the square input [pixels].
    stem_pixels
        Side of the square that the stem makes one position of [pixels]: 4, or 1 for small pictures.
    classes
        Outputs of a head for whole pictures: published files may hold it, masks do not need it. 0: no head.
    widths, depths, heads, windows
        Channels, blocks, attention heads and side of a window [positions] of each stage. The first stage has
        convolutions only, so that its heads and window do not matter.
    """

    image_size: int = 1024
    stem_pixels: int = 4
    classes: int = 1000
    widths: tuple[int, ...] = (64, 128, 160, 320)
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (2, 4, 5, 10)
    windows: tuple[int, ...] = (7, 7, 14, 7)

    @property
    def patch_pixels(self) -> int:
        """Side of the square that one position of the embedding stands for [pixels]."""
        return self.stem_pixels << (len(self.widths) - 2)  # the last stage is as fine as the one before


class TinyVit(nn.Module):
    """From a picture to its embedding, with the names of the published checkpoints.

    Parameters
    ----------
    architecture
        Sizes.
    embedding_channels
        Channels of the embedding.
    """

    def __init__(self, architecture: TinyVitArchitecture, embedding_channels: int) -> None:
        super().__init__()
        widths, norm = architecture.widths, load_modeling().common.LayerNorm2d
        self.depths = architecture.depths
        self.patch_embed = Stem(widths[0], architecture.stem_pixels)
        sizes = zip(architecture.depths, architecture.heads, architecture.windows, strict=True)
        self.layers = nn.ModuleList(
            Stage(width, *size, is_convolutional=number == 0)
            for number, (width, size) in enumerate(zip(widths, sizes, strict=True))
        )
        for stage, (width, wider) in zip(self.layers, pairwise(widths), strict=False):
            stage.downsample = Merging(width, wider, stride=1 if stage is self.layers[-2] else 2)
        if architecture.classes:
            self.norm_head = nn.LayerNorm(widths[-1])
            self.head = nn.Linear(widths[-1], architecture.classes)
        self.neck = nn.Sequential(
            nn.Conv2d(widths[-1], embedding_channels, kernel_size=1, bias=False),
            norm(embedding_channels),
            nn.Conv2d(embedding_channels, embedding_channels, kernel_size=3, padding=1, bias=False),
            norm(embedding_channels),
        )

    def forward(self, image: Tensor, before_block: Callable[[float], None]) -> tuple[Tensor, Tensor]:
        """Return the embedding (1, channels, h, w), and the features (1, widths[2], h, w) before the third stage.

        Parameters
        ----------
        image
            (1, 3, rows, columns) float32, both a multiple of the patch.
        before_block
            Called with the fraction done [0, 1] before each block; what it raises ends the encoding.
        """
        depths = self.depths
        features = self.patch_embed(image)
        after = []
        for number, stage in enumerate(self.layers):
            done = sum(depths[:number])
            features = stage(features, lambda block, done=done: before_block((done + block) / sum(depths)))
            after.append(features)
        return self.neck(features), after[1]


class NormedConvolution(nn.Module):
    """A convolution without bias, and batch norm."""

    def __init__(self, coming: int, leaving: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.c = nn.Conv2d(coming, leaving, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(leaving)

    def forward(self, features: Tensor) -> Tensor:
        normed: Tensor = self.bn(self.c(features))
        return normed


class Stem(nn.Module):
    """Two convolutions: of 3 x 3 pixels that halve the picture each, or of single pixels that keep its size."""

    def __init__(self, width: int, pixels: int) -> None:
        super().__init__()
        kernel, stride = {4: (3, 2), 1: (1, 1)}[pixels]
        self.seq = nn.Sequential(
            NormedConvolution(3, width // 2, kernel, stride),
            nn.GELU(),
            NormedConvolution(width // 2, width, kernel, stride),
        )

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.seq(image)
        return features


class Stage(nn.Module):
    """Blocks of one width, and what makes the next stage wider; `downsample` is none after the last."""

    def __init__(self, width: int, depth: int, heads: int, window: int, is_convolutional: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ConvolutionalBlock(width) if is_convolutional else WindowBlock(width, heads, window) for _ in range(depth)
        )
        self.downsample: nn.Module = nn.Identity()

    def forward(self, features: Tensor, before_block: Callable[[int], None]) -> Tensor:
        for number, block in enumerate(self.blocks):
            before_block(number)
            features = block(features)
        wider: Tensor = self.downsample(features)
        return wider


class ConvolutionalBlock(nn.Module):
    """Inverted residual bottleneck (Sandler et al., MobileNetV2, CVPR 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        within = EXPANSION * width
        self.conv1 = NormedConvolution(width, within)
        self.conv2 = NormedConvolution(within, within, kernel=3, groups=within)
        self.conv3 = NormedConvolution(within, width)

    def forward(self, features: Tensor) -> Tensor:
        around = functional.gelu(self.conv2(functional.gelu(self.conv1(features))))
        return functional.gelu(features + self.conv3(around))


class Merging(nn.Module):
    """From one stage to the next: wider, and with a stride of 2 half as fine."""

    def __init__(self, coming: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.conv1 = NormedConvolution(coming, leaving)
        self.conv2 = NormedConvolution(leaving, leaving, kernel=3, stride=stride, groups=leaving)
        self.conv3 = NormedConvolution(leaving, leaving)

    def forward(self, features: Tensor) -> Tensor:
        wider = functional.gelu(self.conv1(features))
        merged: Tensor = self.conv3(functional.gelu(self.conv2(wider)))
        return merged


class WindowBlock(nn.Module):
    """Attention within windows, a convolution that looks across their borders, and a perceptron."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = WindowAttention(width, heads, window)
        self.mlp = Perceptron(width)
        self.local_conv = NormedConvolution(width, width, kernel=3, groups=width)

    def forward(self, features: Tensor) -> Tensor:
        features = features + self._attend(features)
        tokens = self.local_conv(features).permute(0, 2, 3, 1)
        changed: Tensor = tokens + self.mlp(tokens)
        return changed.permute(0, 3, 1, 2)

    def _attend(self, features: Tensor) -> Tensor:
        rows, columns = features.shape[2:]
        windows = load_modeling().image_encoder
        cut, padded = windows.window_partition(features.permute(0, 2, 3, 1), self.window)
        answers = self.attn(cut.flatten(1, 2)).reshape(cut.shape)
        gathered: Tensor = windows.window_unpartition(answers, self.window, padded, (rows, columns))
        return gathered.permute(0, 3, 1, 2)


class WindowAttention(nn.Module):
    """Attention whose scores gain a learned number for every distance (Graham et al., LeViT, ICCV 2021)."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.attention_biases = nn.Parameter(torch.empty(heads, window * window))
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what every token (windows, window * window, channels) gathers from all of its window."""
        packed = self.qkv(self.norm(tokens).to(self.qkv.weight.dtype))
        packed = packed.unflatten(2, (self.heads, -1)).transpose(1, 2)
        query, key, value = packed.chunk(3, dim=-1)
        bias = self._bias().to(query.dtype)
        gathered = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        projected: Tensor = self.proj(gathered.transpose(1, 2).flatten(2))
        return projected.to(tokens.dtype)

    def _bias(self) -> Tensor:
        """Return what is added to the scores (1, heads, window * window, window * window)."""
        position = torch.arange(self.window, device=self.attention_biases.device)
        distance = (position[:, None] - position[None]).abs()
        row, column = distance[:, None, :, None], distance[None, :, None, :]
        number = (row * self.window + column).reshape(self.window**2, self.window**2)
        return self.attention_biases[None, :, number]


class Perceptron(nn.Module):
    """Two layers that see every token by itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, EXPANSION * width)
        self.fc2 = nn.Linear(EXPANSION * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        within = functional.gelu(self.fc1(self.norm(tokens).to(self.fc1.weight.dtype)))
        changed: Tensor = self.fc2(within).to(tokens.dtype)
        return changed
