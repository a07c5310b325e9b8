"""The highway of MedSegDiff: a plain U-Net that looks at the image alone and draws a coarse mask.

Wu et al., MedSegDiff: Medical Image Segmentation with Diffusion Probabilistic Model, MIDL 2023 (arXiv:2211.00611). Its
filter in the frequency domain is the paper's FF-Parser. The names of the parameters are those of the published code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (32, 64, 128, 256, 480)
"""Channels of each level; below the last one lies one more of its width."""


@dataclass(frozen=True, eq=False)
class HighwayAnswer:
    """What the highway says.

    Parameters
    ----------
    coarse
        Probability (b, 1, rows, columns).
    deepest
        Features (b, 480, rows / 32, columns / 32).
    decoded
        Features of the decoder, from half of the size downwards: (b, 32, rows / 2, columns / 2), ...
    """

    coarse: Tensor
    deepest: Tensor
    decoded: tuple[Tensor, ...]


class HighwayUNet(nn.Module):
    """Image (b, inputs, rows, columns) -> coarse mask; rows and columns are multiples of 32."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        deepest = WIDTHS[-1]
        self.conv_blocks_localization = nn.ModuleList(
            nn.Sequential(_Row(2 * width, width), _Row(width, below))
            for width, below in zip(reversed(WIDTHS), (*reversed(WIDTHS[:-1]), WIDTHS[0]), strict=True)
        )
        befores = (inputs, *WIDTHS[:-1])
        levels = [_Row(before, width, 2) for before, width in zip(befores, WIDTHS, strict=True)]
        self.conv_blocks_context = nn.ModuleList(
            [*levels, nn.Sequential(_Row(deepest, deepest), _Row(deepest, deepest))]
        )
        self._add_filters()
        self.seg_outputs = nn.ModuleList([nn.Conv2d(WIDTHS[0], 1, 1, bias=False)])

    def _add_filters(self) -> None:
        """Add what stands between the decoder and the last layer in a checkpoint."""

    def pooled(self, x: Tensor, level: int, beside: Sequence[Tensor]) -> Tensor:  # noqa: ARG002
        """Return features of half the size; `beside` are those of the diffusion."""
        return functional.max_pool2d(x, 2)

    def forward(self, image: Tensor, beside: Sequence[Tensor] = ()) -> HighwayAnswer:
        """Return the coarse mask and the features on the way to it.

        Parameters
        ----------
        image
            (b, inputs, rows, columns).
        beside
            Features of the diffusion at 1/2, 1/4, 1/8 and 1/16 of the size, where the highway looks at them.
        """
        x, skips = image, []
        for level, block in enumerate(self.conv_blocks_context[:-1]):
            x = block(x)
            skips.append(x)
            x = self.pooled(x, level, beside)
        x = deepest = self.conv_blocks_context[-1](x)
        decoded: list[Tensor] = []
        for block, skip in zip(self.conv_blocks_localization, reversed(skips), strict=True):
            larger = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = block(torch.cat([larger, skip], dim=1))
            decoded.append(x)
        return HighwayAnswer(self.seg_outputs[0](x).sigmoid(), deepest, tuple(reversed(decoded[:-1])))


class FilteredHighwayUNet(HighwayUNet):
    """The highway of the first version, which weighs its features by those of the diffusion.

    Parameters
    ----------
    inputs
        Channels of the image.
    size
        Rows and columns of the image; the filters exist for this size only.
    beside
        Width of the diffusion's features at 1/2, 1/4, 1/8 and 1/16 of the size.
    """

    def __init__(self, inputs: int, size: int, beside: tuple[int, ...]) -> None:
        self._size, self._beside = size, beside
        super().__init__(inputs)

    def _add_filters(self) -> None:
        widths = WIDTHS[: len(self._beside)]
        self.conv_trans_blocks_a = nn.ModuleList(
            nn.Conv2d(theirs, ours, 1) for theirs, ours in zip(self._beside, widths, strict=True)
        )
        self.conv_trans_blocks_b = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in widths)
        sides = (self._size // 2 ** (level + 1) for level in range(len(widths)))
        self.ffparser = nn.ModuleList(FrequencyFilter(width, side) for width, side in zip(widths, sides, strict=True))

    def pooled(self, x: Tensor, level: int, beside: Sequence[Tensor]) -> Tensor:
        """Return features of half the size, times where and which of the diffusion's filtered features are strong."""
        x = super().pooled(x, level, beside)
        if level >= len(self.ffparser):
            return x
        seen = self.ffparser[level](self.conv_trans_blocks_a[level](beside[level]))
        weighed: Tensor = x * self.conv_trans_blocks_b[level](seen) * seen.mean(dim=(2, 3), keepdim=True)
        return weighed


class FrequencyFilter(nn.Module):
    """The FF-Parser: a learned weight for every spatial frequency of (b, channels, side, side)."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.complex_weight = nn.Parameter(0.02 * torch.randn(channels, side, side // 2 + 1, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Return the features filtered."""
        weighed = torch.fft.rfft2(x, norm="ortho") * torch.view_as_complex(self.complex_weight)
        filtered: Tensor = torch.fft.irfft2(weighed, s=x.shape[-2:], norm="ortho")
        return filtered


class _Row(nn.Module):
    """Convolutions 3 x 3 in a row, each with batch norm and leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, count: int = 1) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(_Block(outputs if n else inputs, outputs) for n in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.blocks(x)
        return features


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.instnorm = nn.BatchNorm2d(outputs)  # batch norm, in spite of its published name

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(self.instnorm(self.conv(x)), 0.01)
