"""Trained networks as sampling sees them: the small one that comes with MedSegAI, and MedSegDiff."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..errors import WeightsMissing
from ..models.catalogue import ModelSpec
from ..models.loading import load_network
from ..networks.mask_denoiser import MaskDenoiser
from ..networks.medsegdiff import PUBLISHED, SIZE, MedSegDiff, MedSegDiffV1, MedSegDiffV2
from ..request import SamplingOptions
from .model_file import read_header
from .noise_levels import NoiseLevels
from .sampling import steps_for
from .steps import DDIMSteps, Steps

if TYPE_CHECKING:
    from .region import Picture

PIXEL_MM = 0.7
"""Side of a pixel of the shipped network [mm]. The set that it was trained on does not tell its own; lungs in CT have
about this one."""

OPEN_BELOW = 0.5
"""Share of the noise levels at which a small network stops: on the people for validation, masks that were drawn on from
there fit the raters less (see the card beside its weights)."""


@dataclass(frozen=True, eq=False)
class LoadedDenoiser:
    """What all networks have in common.

    Parameters
    ----------
    name
        In the catalogue.
    weights_hash
        sha256 of the checkpoint.
    device
        Name for torch of where it runs.
    size
        Side of the square that it sees [pixels].
    pixel_mm
        Side of a pixel of that square [mm], as long as the structure fits; None shows the whole slice.
    levels
        The noise levels of its training.
    """

    name: str
    weights_hash: str
    device: str
    size: int
    pixel_mm: float | None
    levels: NoiseLevels


@dataclass(frozen=True, eq=False)
class SmallDenoiser(LoadedDenoiser):
    """A network of `training.diffusion`: it sees the square around the prompt and the box.

    Parameters
    ----------
    network
        With weights, on its device.
    """

    network: MaskDenoiser
    any_way_up: ClassVar[bool] = True

    def condition(self, picture: Picture) -> Tensor:
        """Return the channels (2, size, size) that the network is conditioned on."""
        return torch.stack([torch.from_numpy(2 * picture.pixels - 1), torch.from_numpy(picture.told)])

    def steps(self, options: SamplingOptions) -> Steps:
        """Return the steps that are asked for."""
        prediction = self.network.architecture.prediction
        # under that much noise only a network that says the mask itself tells how probable each pixel is
        lowest = round(OPEN_BELOW * self.levels.steps) if prediction == "sample" else 0
        return steps_for(options, DDIMSteps(self.levels, prediction, lowest=lowest))

    def predict(self, noisy: Tensor, condition: Tensor, timestep: int) -> Tensor:
        """Return what the network says."""
        times = torch.full((len(noisy),), timestep, device=noisy.device)
        said: Tensor = self.network(torch.cat([noisy, condition], dim=1), times)
        return said

    def probability(self, clean: Tensor) -> Tensor:
        """Return masks between -1 and 1 as probabilities."""
        return ((clean + 1) / 2).clamp(0, 1)


@dataclass(frozen=True, eq=False)
class MedSegDiffDenoiser(LoadedDenoiser):
    """MedSegDiff: it sees the whole slice, and nothing of the prompts.

    Parameters
    ----------
    network
        With weights, on its device.
    """

    network: MedSegDiff
    any_way_up: ClassVar[bool] = False

    def condition(self, picture: Picture) -> Tensor:
        """Return the image as many times (channels, size, size) as the network has channels for it."""
        channels = self.network.architecture.inputs - 1
        return torch.from_numpy(picture.pixels)[None].repeat(channels, 1, 1)

    def steps(self, options: SamplingOptions) -> Steps:
        """Return the steps that are asked for; the learned variance is not used."""
        return steps_for(options, DDIMSteps(self.levels, "epsilon"))

    def predict(self, noisy: Tensor, condition: Tensor, timestep: int) -> Tensor:
        """Return the noise that the network sees."""
        times = torch.full((len(noisy),), timestep, device=noisy.device)
        out: Tensor = self.network(torch.cat([condition, noisy], dim=1), times)[0]
        return out[:, :1]

    def probability(self, clean: Tensor) -> Tensor:
        """Return masks, which were 0 and 1 in its training, as probabilities."""
        return clean.clamp(0, 1)


def build_small(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> SmallDenoiser:
    """Return a network of `training.diffusion` with its checkpoint, whose header says what it is.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe, WeightsMismatch
        The checkpoint cannot be used.
    OutOfDeviceMemory
        The device has no room for the network.
    """
    if weights is None or not weights.is_file():
        message = f"The model '{spec.name}' needs a checkpoint."
        raise WeightsMissing(message)
    header = read_header(weights)
    network = MaskDenoiser(replace(header.architecture, dropout=0.0))
    loaded = load_network(network, spec, weights, plan, cache)
    network.eval()
    return SmallDenoiser(spec.name, loaded.sha256, plan.device, header.size, PIXEL_MM, header.levels, network)


def build_medsegdiff(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache
) -> MedSegDiffDenoiser:
    """Return MedSegDiff with a user's own checkpoint; see `build_small` for errors."""
    network: MedSegDiff
    with torch.device("meta"):
        network = MedSegDiffV1(PUBLISHED, SIZE) if spec.architecture == "medsegdiff_v1" else MedSegDiffV2(PUBLISHED)
    loaded = load_network(network, spec, weights, plan, cache)
    network.eval()
    levels = NoiseLevels("linear_beta")
    return MedSegDiffDenoiser(spec.name, loaded.sha256, plan.device, SIZE, None, levels, network)
