"""A U-Net with two streams, a target and a set of supports, that meet in every block.

Butoi et al., UniverSeg: Universal Medical Image Segmentation, ICCV 2023 (arXiv:2304.06131), section 3.2. UniverSeg,
Tyche and MultiverSeg differ in the blocks. The names of the parameters are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .cross_convolution import (
    Convolution,
    CrossConvolution,
    EachMap,
    channels_last,
    concatenated,
    over_set,
    summed,
)

LEVELS = 4

MULTIPLE = 2 ** (LEVELS - 1)
"""Rows and columns of the input are multiples of it."""


def uninterrupted() -> None:
    """Go on."""


class CrossBlock(nn.Module):
    """Let a target meet its supports, and change both.

    z_i = act(conv([u; v_i])), u' = act(conv(mean z_i)), v_i' = act(conv(z_i)): the result depends neither on the order
    of the supports nor on how often the whole set is repeated.
    """

    def __init__(self, target: int, support: int, channels: int, *, cross_activated: bool, normed: bool) -> None:
        super().__init__()
        self.cross = CrossConvolution(target, support, channels, activated=cross_activated)
        self.target = EachMap(channels, channels, normed=normed)
        self.support = EachMap(channels, channels, normed=normed)

    def asking(self, target: Tensor) -> Tensor:
        """Return the target's share of the cross convolution, (b, 1, channels, rows, columns)."""
        return self.cross.of_target(target)

    def answered(self, target: Tensor, mean: Tensor) -> Tensor:  # noqa: ARG002  other blocks need the target again
        """Return the next target (b, n, channels, rows, columns) from the mean of z_i (b, 1, ...)."""
        changed: Tensor = self.target(mean)
        return changed


class CrossUNet(nn.Module):
    """Four levels down, three up, and a convolution 1 x 1 to the logits; in evaluation mode.

    Parameters
    ----------
    target_channels, support_channels
        Of the input.
    make_block
        Builds a block from the channels of a target and of a support that enter it.
    channels
        That leave each block.
    """

    def __init__(
        self, target_channels: int, support_channels: int, make_block: Callable[[int, int], CrossBlock], channels: int
    ) -> None:
        super().__init__()
        entering = [(target_channels, support_channels)] + [(channels, channels)] * (LEVELS - 1)
        self.enc_blocks = nn.ModuleList(make_block(*inputs) for inputs in entering)
        self.dec_blocks = nn.ModuleList(make_block(2 * channels, 2 * channels) for _ in range(LEVELS - 1))
        self.out_conv = Convolution(channels, 1, 1, activated=False, normed=False)
        self.eval()

    @property
    def blocks(self) -> tuple[CrossBlock, ...]:
        """Return all blocks in their order."""
        return tuple(block for block in (*self.enc_blocks, *self.dec_blocks) if isinstance(block, CrossBlock))

    def logits(
        self,
        target: Tensor,
        supports: Tensor,
        at_once: int | None = None,
        before_block: Callable[[], None] = uninterrupted,
    ) -> Tensor:
        """Return logits (b, n, 1, rows, columns).

        Parameters
        ----------
        target
            (b, n, target channels, rows, columns); rows and columns are multiples of 8.
        supports
            (b, s, support channels, rows, columns), at least one.
        at_once
            Number of supports whose maps are in memory at one time. With fewer than there are, every block runs the
            supports anew from the beginning, some at a time, and keeps a running mean: memory does not grow with
            their number, the time is up to three times as long, and the logits are equal up to rounding.
        before_block
            Called before each block; what it raises ends the computation.
        """
        count = supports.shape[1]
        parts = torch.split(supports, min(at_once or count, count), dim=1)
        chunks = [SupportChunk(self, part) for part in parts]
        askings: list[Tensor] = []
        targets: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            before_block()
            entering = self.entering(number, target, targets)
            askings.append(block.asking(entering))
            total = self._total(number, chunks, askings, before_block)
            targets.append(block.answered(entering, (total / count).to(target.dtype)))
        return over_set(self.out_conv, targets[-1])

    def _total(
        self, number: int, chunks: Sequence[SupportChunk], askings: Sequence[Tensor], before_block: Callable[[], None]
    ) -> Tensor:
        """Return the sum over all supports of what they have met in block `number`."""
        total = torch.zeros((), device=askings[0].device)
        for chunk in chunks:
            before_block()
            total = total + chunk.total(number, askings)
            if len(chunks) > 1:
                chunk.forget()
        return total

    def entering(self, number: int, first: Tensor, outputs: Sequence[Tensor]) -> Tensor:
        """Return what enters block `number` of a stream: its input, or what earlier blocks have put out."""
        if number == 0:
            return channels_last(first)
        if number < LEVELS:
            return over_set(lambda maps: functional.max_pool2d(maps, 2), outputs[number - 1])
        return self.joined(outputs[number - 1], outputs[self.beside(number)])

    @staticmethod
    def joined(below: Tensor, beside: Tensor) -> Tensor:
        """Return what enters a block of the decoder: maps of the level below, enlarged, and then those of its own."""
        return concatenated(over_set(_enlarged, below), beside)

    @staticmethod
    def beside(number: int) -> int:
        """Return the encoder's block on the level of the decoder's block `number`."""
        return 2 * (LEVELS - 1) - number


def _enlarged(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=True)


class SupportChunk:
    """Some supports of one target on their way through the blocks.

    Parameters
    ----------
    network
        Has the blocks.
    supports
        (b, s, support channels, rows, columns).
    """

    def __init__(self, network: CrossUNet, supports: Tensor) -> None:
        self._network, self._supports = network, supports
        self._outputs: list[Tensor] = []
        self._met: Tensor | None = None

    def forget(self) -> None:
        """Free all maps; they are computed again when they are needed."""
        self._outputs, self._met = [], None

    def total(self, number: int, askings: Sequence[Tensor]) -> Tensor:
        """Return the sum of z_i in block `number` as float32 (b, 1, channels, rows, columns).

        Parameters
        ----------
        number
            The block.
        askings
            The target's shares of the cross convolutions, up to that block's.
        """
        self._advance(number, askings)
        cross = self._network.blocks[number].cross
        if cross.activated:
            self._met = cross.met(askings[number], self._entering(number))
            return summed(self._met)
        mean = cross.of_supports(self._mean_entering(number)) + askings[number]
        return self._supports.shape[1] * mean.float()

    def _advance(self, number: int, askings: Sequence[Tensor]) -> None:
        """Run the blocks before block `number` that were not run yet."""
        while len(self._outputs) < number:
            done = len(self._outputs)
            block = self._network.blocks[done]
            met = self._met if self._met is not None else block.cross.met(askings[done], self._entering(done))
            self._met = None
            self._outputs.append(block.support(met))

    def _entering(self, number: int) -> Tensor:
        return self._network.entering(number, self._supports, self._outputs)

    def _mean_entering(self, number: int) -> Tensor:
        """Return the mean of what enters a block; to enlarge is linear, so in the decoder the mean comes first."""
        if number < LEVELS:
            return self._mean(self._entering(number))
        below, beside = self._outputs[number - 1], self._outputs[self._network.beside(number)]
        return self._network.joined(self._mean(below), self._mean(beside))

    def _mean(self, maps: Tensor) -> Tensor:
        return (summed(maps) / maps.shape[1]).to(maps.dtype)
