"""Registered examples, and on slices a look of the network that comes with MedSegAI."""

from __future__ import annotations

from pathlib import Path

from ...engine.cache import ByteBoundedCache
from ...engine.device import DevicePlan
from ...models.catalogue import ModelSpec
from ...prompt.interactive_network import build_look
from .learner import RegisteredLearner
from .registrations import Registrations


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
    return RegisteredLearner(spec.name, look.weights_hash, look.device, Registrations(cache), look)
