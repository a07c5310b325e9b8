"""The networks that segment a slice by examples, as one kind of function, and how catalogue entries become them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..models.catalogue import ModelSpec
from ..models.loading import load_network
from ..networks.multiverseg import CHANNELS as MULTIVERSEG_CHANNELS
from ..networks.multiverseg import MultiverSeg
from ..networks.tyche import CHANNELS as TYCHE_CHANNELS
from ..networks.tyche import TycheTS
from ..networks.universeg import CHANNELS as UNIVERSEG_CHANNELS
from ..networks.universeg import SIDE, UniverSeg

MAP_BYTES = 1 << 31
"""Memory for the maps of examples [bytes]; where they need more, some are looked at at a time, which takes longer."""

MAPS_PER_SUPPORT = 6
"""So many maps of full size the network keeps for each support."""

NO_PROMPTS = 4
"""Channels of MultiverSeg's target beside the slice: nothing was drawn, and there is no answer before."""

Ask = Callable[[nn.Module, "Inputs"], Tensor]
"""Calls a network: logits (1, answers, rows, columns)."""


@dataclass(frozen=True, eq=False)
class ContextNetwork:
    """A network with weights on a device.

    Parameters
    ----------
    network
        In evaluation mode.
    ask
        Calls it.
    on, dtype
        Where it is, and the type that it computes in.
    channels
        Of its maps.
    gives_several
        Whether it gives one answer for each field of noise.
    side
        Rows and columns of its slices.
    """

    network: nn.Module
    ask: Ask
    on: str
    dtype: torch.dtype
    channels: int
    gives_several: bool = False
    side: int = SIDE

    def supports_at_once(self) -> int:
        """Return how many supports' maps fit into the memory for them."""
        size = MAPS_PER_SUPPORT * self.channels * self.side**2 * self.dtype.itemsize
        return max(1, MAP_BYTES // size)

    @torch.inference_mode()
    def probabilities(
        self,
        target: Tensor,
        images: Tensor,
        labels: Tensor,
        noise: Tensor,
        at_once: int,
        check: Callable[[], None],
    ) -> Tensor:
        """Return the probability (answers, side, side) as float32 on the processor.

        Parameters
        ----------
        target
            float32 (1, side, side) from 0 to 1.
        images, labels
            float32 (supports, 1, side, side): from 0 to 1, and 1 inside and 0 outside.
        noise
            float32 (answers, 1, side, side); read by networks that give several answers.
        at_once
            Number of supports whose maps are in memory at one time.
        check
            Called between blocks; what it raises ends the computation.
        """
        shown = Inputs(
            target=self._placed(target[None]),
            images=self._placed(images)[None],
            labels=self._placed(labels)[None],
            noise=self._placed(noise)[None],
            at_once=at_once,
            check=check,
        )
        logits = self.ask(self.network, shown)
        check()
        return torch.sigmoid(logits[0].float()).cpu()

    def _placed(self, maps: Tensor) -> Tensor:
        return maps.to(self.on, self.dtype)


@dataclass(frozen=True)
class Inputs:
    """What a network is shown; see `ContextNetwork.probabilities`, with one more axis in front."""

    target: Tensor
    images: Tensor
    labels: Tensor
    noise: Tensor
    at_once: int
    check: Callable[[], None]


def _ask_universeg(network: nn.Module, shown: Inputs) -> Tensor:
    logits: Tensor = network(shown.target, shown.images, shown.labels, shown.at_once, shown.check)
    return logits


def _ask_tyche(network: nn.Module, shown: Inputs) -> Tensor:
    logits: Tensor = network(shown.target, shown.images, shown.labels, shown.noise, shown.at_once, shown.check)
    return logits


def _ask_multiverseg(network: nn.Module, shown: Inputs) -> Tensor:
    nothing = shown.target.new_zeros(len(shown.target), NO_PROMPTS, *shown.target.shape[2:])
    target = torch.cat([shown.target, nothing], dim=1)
    logits: Tensor = network(target, shown.images, shown.labels, shown.at_once, shown.check)
    return logits


FAMILIES: dict[str, tuple[Callable[[], nn.Module], Ask, int, bool]] = {
    "universeg": (UniverSeg, _ask_universeg, UNIVERSEG_CHANNELS, False),
    "tyche": (TycheTS, _ask_tyche, TYCHE_CHANNELS, True),
    "multiverseg": (MultiverSeg, _ask_multiverseg, MULTIVERSEG_CHANNELS, False),
}
"""By family of the catalogue: network, how it is asked, channels of its maps, whether it gives several answers."""


def load_context_network(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache
) -> tuple[ContextNetwork, str]:
    """Return the network of a catalogue entry on the planned device, and the hash of its checkpoint.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe, WeightsMismatch
        The checkpoint cannot be used.
    OutOfDeviceMemory
        The device has no room for the network.
    """
    make, ask, channels, gives_several = FAMILIES[spec.family]
    # float16 has too small a range for maps without norms
    dtype = torch.bfloat16 if plan.dtype == "bfloat16" else torch.float32
    network = make()
    loaded = load_network(network, spec, weights, plan, cache)
    network.to(plan.device, dtype)
    return ContextNetwork(network, ask, plan.device, dtype, channels, gives_several), loaded.sha256
