"""A small network that takes noise off a mask while it looks at the image.

MONAI's `DiffusionModelUNet` works on the mask and the image folded into patches: squares of pixels become channels
(Luhman and Luhman, Improving Diffusion Model Efficiency Through Patching, arXiv:2207.04316). With patches of 2 x 2
pixels a pass costs a quarter, and the borders of the mask stay as fine as the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from monai.networks.nets.diffusion_model_unet import DiffusionModelUNet, DiffusionUNetResnetBlock
from torch import Tensor, nn
from torch.nn import functional

Prediction = Literal["sample", "epsilon", "v_prediction"]
"""What a network was taught to say, in MONAI's words: the clean mask, the noise, or the velocity."""


@dataclass(frozen=True)
class DenoiserArchitecture:
    """Sizes of the network.

    Parameters
    ----------
    conditions
        Channels that are seen beside the noisy mask: the image, and where it is prompted.
    channels
        Width of each level; every level halves rows and columns.
    attention
        Which levels have attention beside the middle, which always has.
    residual_blocks
        Blocks on each level.
    patch
        Side of the squares that become channels [pixels].
    norm_groups
        Groups of channels that are normalised together; the widths are multiples of it.
    head_channels
        Channels of each attention head.
    dropout
        Share of features that are dropped in every residual block. Only the method that draws its candidates by
        dropout, with which diffusion is compared, has any.
    prediction
        What the network says.
    """

    conditions: int = 2
    channels: tuple[int, ...] = (32, 64, 96)
    attention: tuple[bool, ...] = (False, False, False)
    residual_blocks: int = 1
    patch: int = 2
    norm_groups: int = 16
    head_channels: int = 32
    dropout: float = 0.0
    prediction: Prediction = "sample"

    @property
    def multiple(self) -> int:
        """Rows and columns of the input are multiples of it."""
        return int(self.patch * 2 ** (len(self.channels) - 1))


SHIPPED = DenoiserArchitecture()
"""The network that comes with MedSegAI, 1.70 million parameters."""


class MaskDenoiser(nn.Module):
    """Predicts the clean mask, the noise or the velocity from a noisy mask and what it is conditioned on.

    It can be called as MONAI's `DiffusionInferer` calls its networks in the mode "concat".

    Parameters
    ----------
    architecture
        Its sizes.
    noisy
        Channels of the noisy mask; 0 for a network that segments in one pass, for which every time step is 0.
    """

    def __init__(self, architecture: DenoiserArchitecture = SHIPPED, noisy: int = 1) -> None:
        super().__init__()
        self.architecture = architecture
        squares = architecture.patch**2
        self.network = DiffusionModelUNet(
            spatial_dims=2,
            in_channels=(noisy + architecture.conditions) * squares,
            out_channels=squares,
            num_res_blocks=architecture.residual_blocks,
            channels=architecture.channels,
            attention_levels=architecture.attention,
            norm_num_groups=architecture.norm_groups,
            num_head_channels=architecture.head_channels,
        )
        if architecture.dropout:
            _add_dropout(self.network, architecture.dropout)

    def logits(self, x: Tensor, timesteps: Tensor, context: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return what the network says (b, 1, rows, columns), without bounds.

        Like the network itself it can be given to MONAI's `DiffusionInferer`, which leaves `context` empty.

        Parameters
        ----------
        x
            Noisy mask and conditions (b, noisy + conditions, rows, columns); rows and columns are multiples of
            `architecture.multiple`.
        timesteps
            Time step of each (b,).
        """
        patch = self.architecture.patch
        folded = functional.pixel_unshuffle(x, patch)
        return functional.pixel_shuffle(self.network(folded, timesteps), patch)

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor | None = None) -> Tensor:
        """Return what the network predicts (b, 1, rows, columns); a mask is -1 outside .. 1 inside.

        A mask has two values, so its mean is the hyperbolic tangent of half the logit of being inside, and the cross
        entropy teaches it.
        """
        logits = self.logits(x, timesteps, context)
        return torch.tanh(logits / 2) if self.architecture.prediction == "sample" else logits


def _add_dropout(network: nn.Module, share: float) -> None:
    """Drop features before the second convolution of every residual block, as Ho et al. 2020 do."""
    for block in network.modules():
        if isinstance(block, DiffusionUNetResnetBlock):
            block.conv2 = nn.Sequential(nn.Dropout(share), block.conv2)
