"""In-context tasks by registered examples, and on slices the opinions of networks."""

from __future__ import annotations

from pathlib import Path

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..fewshot.registered import with_network, with_own_network
from ..models.catalogue import ModelSpec
from .learned import LearnedModel


def build(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> LearnedModel:
    """Return the model of a catalogue entry; parameters and errors as for `fewshot.registered.with_network.build`."""
    return LearnedModel(spec.name, with_network.build(spec, weights, plan, cache), cache)


def build_with_own(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache, base: Path | None = None
) -> LearnedModel:
    """Return the model of a catalogue entry; see `fewshot.registered.with_own_network.build`."""
    return LearnedModel(spec.name, with_own_network.build(spec, weights, plan, cache, base), cache)
