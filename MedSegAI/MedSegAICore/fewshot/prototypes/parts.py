"""Learners that compare in one way only: what `prototypes` consists of, and masked averages, to compare others with."""

from __future__ import annotations

from pathlib import Path

from ...engine.cache import ByteBoundedCache
from ...engine.device import DevicePlan
from ...models.catalogue import ModelSpec
from .comparison import by_fitted_head, by_local_prototypes, by_masked_average, by_one_prototype
from .learner import PrototypeLearner, comparing


def build_masked_average(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache
) -> PrototypeLearner:
    """Return the learner that compares with the means of structure and background (PANet); raises as `comparing`."""
    return comparing(spec, weights, plan, cache, (by_masked_average,))


def build_local_prototypes(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache
) -> PrototypeLearner:
    """Return the learner that compares with the means of small windows (ALPNet); raises as `comparing`."""
    return comparing(spec, weights, plan, cache, (by_local_prototypes,))


def build_one_prototype(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache
) -> PrototypeLearner:
    """Return the learner that compares with the mean of the structure (ADNet); raises as `comparing`."""
    return comparing(spec, weights, plan, cache, (by_one_prototype,))


def build_fitted_head(
    spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache
) -> PrototypeLearner:
    """Return the learner that fits a linear head (RePRI); raises as `comparing`."""
    return comparing(spec, weights, plan, cache, (by_fitted_head,))
