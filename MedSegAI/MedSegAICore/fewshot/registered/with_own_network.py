"""Registered examples, and on slices the opinions of two networks: the one that comes with MedSegAI, and your own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...engine.cache import ByteBoundedCache
from ...engine.device import DevicePlan
from ...engine.run import Run
from ...models.catalogue import ModelSpec, load_catalogue
from ...models.loading import load_network
from ...networks.context_unet import ContextUNet
from ...prompt.interactive_network import build_look
from ...prompt.network_look import NetworkLook
from .context_look import ContextLook
from .grids import Float32
from .learner import RegisteredLearner
from .registrations import Registrations
from .slice_opinions import FoundOnSlice


@dataclass(frozen=True, eq=False)
class TwoNetworks:
    """Asks a network that knows the examples, and one that knows where structures of many kinds end.

    Parameters
    ----------
    context, interactive
        The two.
    """

    context: ContextLook
    interactive: NetworkLook

    def opinions(self, asked: FoundOnSlice, run: Run) -> Sequence[Float32]:
        """Return the opinions of both; see `SliceLook`."""
        return (
            self.context.at(asked.levels, asked.spacing_mm, asked.found, asked.examples(), run),
            self.interactive.at(asked.levels, asked.spacing_mm, asked.found, run),
        )


def build(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache, base: Path | None = None
) -> RegisteredLearner:
    """Return the learner of a catalogue entry: weights of the in-context network, and as base the interactive one's.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe, WeightsMismatch
        The weights cannot be used.
    OutOfDeviceMemory
        The device has no room for the networks.
    """
    interactive = build_look(load_catalogue()[spec.base], base, plan, cache)
    network = ContextUNet()
    loaded = load_network(network, spec, weights, plan, cache)
    look = TwoNetworks(ContextLook(network.eval()), interactive)
    return RegisteredLearner(spec.name, loaded.sha256, interactive.device, Registrations(cache), look)
