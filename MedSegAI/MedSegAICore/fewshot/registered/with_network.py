"""Registered examples, and on slices a look of the network that comes with MedSegAI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...engine.cache import ByteBoundedCache
from ...engine.device import DevicePlan
from ...engine.run import Run
from ...models.catalogue import ModelSpec
from ...prompt.interactive_network import build_look
from ...prompt.network_look import NetworkLook
from .grids import Float32
from .learner import RegisteredLearner
from .registrations import Registrations
from .slice_opinions import FoundOnSlice


@dataclass(frozen=True, eq=False)
class InteractiveNetwork:
    """Asks a network that knows where structures of many kinds end, and nothing of the examples.

    Parameters
    ----------
    look
        The network.
    """

    look: NetworkLook

    def opinions(self, asked: FoundOnSlice, run: Run) -> Sequence[Float32]:
        """Return its opinion; see `SliceLook`."""
        return (self.look.at(asked.levels, asked.spacing_mm, asked.found, run),)


def build(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> RegisteredLearner:
    """Return the learner of a catalogue entry with the weights of the interactive network.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe, WeightsMismatch
        The weights cannot be used.
    OutOfDeviceMemory
        The device has no room for the network.
    """
    look = build_look(spec, weights, plan, cache)
    return RegisteredLearner(spec.name, look.weights_hash, look.device, Registrations(cache), InteractiveNetwork(look))
