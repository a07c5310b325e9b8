"""MedSegDiff: a diffusion network that is helped by a coarse mask of a second network.

Wu et al., MedSegDiff, MIDL 2023 (arXiv:2211.00611), and MedSegDiff-V2, AAAI 2024 (arXiv:2301.11798), both as the public
code has them: what it calls V2 has no transformer. The names of the parameters are those of its checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .highway_unet import FilteredHighwayUNet, HighwayAnswer, HighwayUNet
from .timed_unet import TimedUNet, TimedUNetArchitecture

SIZE = 256
"""Rows and columns of the published networks; the first version exists for this size only."""

PUBLISHED = TimedUNetArchitecture()
SMALL = TimedUNetArchitecture(factors=(1, 2, 2), residual_blocks=1, attention=(2,))
"""For pictures of 64 x 64 pixels; the first width is the same, because the anchors have it."""


class MedSegDiff(TimedUNet):
    """What both versions share.

    Parameters
    ----------
    architecture
        Sizes; `inputs` are the channels of the image and one for the noisy mask.
    """

    hwm: HighwayUNet

    def forward(self, x: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the noise and the interpolation of its variance (b, 2, ...), and the coarse mask (b, 1, ...) 0..1.

        Parameters
        ----------
        x
            The image's channels [0, 1] and last the noisy mask (b, inputs, rows, columns).
        timesteps
            (b,) whole numbers 0..999.
        """
        raise NotImplementedError


class MedSegDiffV1(MedSegDiff):
    """The first version, for pictures of `size` pixels a side: the highway looks at the diffusion's features.

    In the public code a convolution with new random weights at every call leads from the highway to the middle of the
    diffusion. It was never trained and is in no checkpoint, so here it is absent, unless `deepest_head` is given.
    """

    def __init__(self, architecture: TimedUNetArchitecture = PUBLISHED, size: int = SIZE) -> None:
        super().__init__(architecture)
        # the outputs of the layers that halve the size
        self._halved = tuple(
            (level + 1) * (architecture.residual_blocks + 1) for level in range(len(architecture.factors) - 1)
        )[:4]
        beside = tuple(architecture.factors[level] * architecture.channels for level in range(len(self._halved)))
        self.hwm: HighwayUNet = FilteredHighwayUNet(architecture.inputs - 1, size, beside)
        self.deepest_head: nn.Module | None = None

    def forward(self, x: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """See `MedSegDiff.forward`."""
        embedding = self.embedded(timesteps)
        maps = self.encoded(x, embedding)
        answer: HighwayAnswer = self.hwm(x[:, :-1], [maps[number] for number in self._halved])
        deepest = maps[-1] if self.deepest_head is None else maps[-1] + self.deepest_head(answer.deepest)
        return self.decoded(deepest, maps, embedding), answer.coarse


class MedSegDiffV2(MedSegDiff):
    """The second version: features of the highway are added to those of the diffusion at the full size."""

    def __init__(self, architecture: TimedUNetArchitecture = PUBLISHED) -> None:
        super().__init__(architecture)
        self.hwm: HighwayUNet = HighwayUNet(architecture.inputs - 1)

    def forward(self, x: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """See `MedSegDiff.forward`."""
        embedding = self.embedded(timesteps)
        answer: HighwayAnswer = self.hwm(x[:, :-1])
        maps = self.encoded(x, embedding, lambda first: first + anchors(answer, x.shape[-2:]))
        return self.decoded(maps[-1], maps, embedding), answer.coarse


def anchors(answer: HighwayAnswer, size: torch.Size) -> Tensor:
    """Return the highway's features (b, 128, rows, columns) at half and quarter size, enlarged, without gradient."""
    half, quarter = (
        functional.interpolate(features, size, mode="bilinear", align_corners=False) for features in answer.decoded[:2]
    )
    return torch.cat([half, half, quarter], dim=1).detach()
