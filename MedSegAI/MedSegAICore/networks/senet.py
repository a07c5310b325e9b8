"""SE-Net: a support slice steers the segmentation of a query slice by squeeze and excitation.

Roy et al., 'Squeeze & Excite' Guided Few-Shot Segmentation of Volumetric Images, Medical Image Analysis 59, 2020
(arXiv:1902.01314). The names of the parameters are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

CONDITIONER_CHANNELS, SEGMENTOR_CHANNELS = 16, 64
KERNEL_PIXELS = 5
LEVELS = 4

MULTIPLE = 2**LEVELS
"""Rows and columns are multiples of it: every level halves them."""


@dataclass(frozen=True, eq=False)
class Gates:
    """What a support slice says about every place of a query slice: factors (b, 1, rows, columns) in (0, 1).

    Parameters
    ----------
    encoders
        Of levels 1 to 4, for the pooled maps: rows and columns are those of the slice divided by 2, 4, 8 and 16.
    bottleneck
        Of the lowest level.
    decoders
        Of levels 1 to 4: rows and columns are those of the slice divided by 1, 2, 4 and 8.
    """

    encoders: tuple[Tensor, ...]
    bottleneck: Tensor
    decoders: tuple[Tensor, ...]

    @property
    def size_bytes(self) -> int:
        """Memory that they take [bytes]."""
        return sum(gate.nbytes for gate in (*self.encoders, self.bottleneck, *self.decoders))


def _uninterrupted() -> None:
    """Go on."""


class Block(nn.Module):
    """Convolution 5 x 5, PReLU with one slope, batch norm: (b, c, rows, columns) -> (b, channels, rows, columns)."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, channels, KERNEL_PIXELS, padding=KERNEL_PIXELS // 2)
        self.prelu = nn.PReLU()
        self.batchnorm = nn.BatchNorm2d(channels, eps=1e-5)

    def forward(self, maps: Tensor) -> Tensor:
        normalised: Tensor = self.batchnorm(self.prelu(self.conv(maps)))
        return normalised


class Classifier(nn.Module):
    """Convolution 1 x 1 to background and foreground: (b, channels, rows, columns) -> (b, 2, rows, columns)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 2, 1)

    def forward(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.conv(maps)
        return logits


class Conditioner(nn.Module):
    """The arm that looks at the support: (b, 2, rows, columns) -> `Gates`.

    As published, `encode3` serves levels 3 and 4; `encode4` and `classifier` have parameters but were never trained.
    """

    def __init__(self) -> None:
        super().__init__()
        width = CONDITIONER_CHANNELS
        for level in range(1, LEVELS + 1):
            self.add_module(f"encode{level}", Block(2 if level == 1 else width, width))
            self.add_module(f"squeeze_conv_e{level}", nn.Conv2d(width, 1, 1))
        self.bottleneck = Block(width, width)
        self.squeeze_conv_bn = nn.Conv2d(width, 1, 1)
        for level in range(1, LEVELS + 1):
            self.add_module(f"decode{level}", Block(width, width))
            self.add_module(f"squeeze_conv_d{level}", nn.Conv2d(width, 1, 1))
        self.classifier = Classifier(width)

    def forward(self, support_and_mask: Tensor, before_block: Callable[[], None] = _uninterrupted) -> Gates:
        maps, places, encoders = support_and_mask, [], []
        for level in range(1, LEVELS + 1):
            before_block()
            encode = self.get_submodule(f"encode{min(level, 3)}")
            maps, where = pooled(encode(maps))
            places.append(where)
            encoders.append(self._squeezed(maps, f"e{level}"))
        maps = self.bottleneck(maps)
        bottleneck = self._squeezed(maps, "bn")
        decoders: list[Tensor] = []
        for level in range(LEVELS, 0, -1):
            before_block()
            maps = self.get_submodule(f"decode{level}")(unpooled(maps, places[level - 1]))
            decoders.insert(0, self._squeezed(maps, f"d{level}"))
        return Gates(tuple(encoders), bottleneck, tuple(decoders))

    def _squeezed(self, maps: Tensor, name: str) -> Tensor:
        """Return one factor for each place: the channels are squeezed, space is excited."""
        return torch.sigmoid(self.get_submodule(f"squeeze_conv_{name}")(maps))


class Segmentor(nn.Module):
    """The arm that looks at the query: (b, 1, rows, columns) and `Gates` -> logits (b, 2, rows, columns).

    Every map is multiplied with the gate of its name. The lowest decoder alone also sees the map of its encoder, as it
    was before pooling and gate.
    """

    def __init__(self) -> None:
        super().__init__()
        width = SEGMENTOR_CHANNELS
        for level in range(1, LEVELS + 1):
            self.add_module(f"encode{level}", Block(1 if level == 1 else width, width))
        self.bottleneck = Block(width, width)
        for level in range(1, LEVELS + 1):
            self.add_module(f"decode{level}", Block(2 * width if level == LEVELS else width, width))
        self.classifier = Classifier(width)

    def forward(self, query: Tensor, gates: Gates, before_block: Callable[[], None] = _uninterrupted) -> Tensor:
        maps, places, skip = query, [], query
        for level, gate in enumerate(gates.encoders, start=1):
            before_block()
            skip = self.get_submodule(f"encode{level}")(maps)
            maps, where = pooled(skip)
            places.append(where)
            maps = maps * gate
        before_block()
        maps = self.bottleneck(maps) * gates.bottleneck
        for level in range(LEVELS, 0, -1):
            before_block()
            maps = unpooled(maps, places[level - 1])
            if level == LEVELS:
                maps = torch.cat([skip, maps], dim=1)
            before_block()
            maps = self.get_submodule(f"decode{level}")(maps) * gates.decoders[level - 1]
        logits: Tensor = self.classifier(maps)
        return logits


class SENet(nn.Module):
    """Both arms, in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conditioner = Conditioner()
        self.segmentor = Segmentor()
        self.eval()

    def condition(self, support: Tensor, mask: Tensor, before_block: Callable[[], None] = _uninterrupted) -> Gates:
        """Return what support slices say; it can be used for any number of query slices.

        Parameters
        ----------
        support
            (b, 1, rows, columns) float32 in [0, 1]; rows and columns are multiples of 16.
        mask
            The structure on them: same shape and type, 1 inside and 0 outside.
        before_block
            Called before each block; what it raises ends the computation.
        """
        gates: Gates = self.conditioner(torch.cat([support, mask], dim=1), before_block)
        return gates

    def segment(self, query: Tensor, gates: Gates, before_block: Callable[[], None] = _uninterrupted) -> Tensor:
        """Return the probability of the structure (b, 1, rows, columns) in [0, 1].

        Parameters
        ----------
        query
            (b, 1, rows, columns) float32 in [0, 1], of the same rows and columns as the support.
        gates
            Of one support for all queries, or of as many supports as there are queries.
        before_block
            Called before each block; what it raises ends the computation.
        """
        logits = self.segmentor(query, gates, before_block)
        return functional.softmax(logits, dim=1)[:, 1:]


def pooled(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maxima of 2 x 2 places, and where each was."""
    maxima, where = functional.max_pool2d_with_indices(maps, (2, 2))
    return maxima, where


def unpooled(maps: Tensor, where: Tensor) -> Tensor:
    """Return maps of twice the rows and columns: values where the maxima were, 0 elsewhere."""
    return functional.max_unpool2d(maps, where, [2, 2])
