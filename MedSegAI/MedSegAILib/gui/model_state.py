"""Whether a model of the catalogue can run on this computer, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from MedSegAICore.errors import WeightsMissing
from MedSegAICore.models.catalogue import ModelSpec
from MedSegAICore.models.licences import needs_acceptance
from MedSegAICore.models.weights import find_weights

from .packages import Package

PACKAGES_OF_FAMILY = {"sam": frozenset({"torch", "segment-anything"})}
"""What a network needs beside MedSegAI itself; families that are not named need PyTorch if they have weights."""


class State(Enum):
    """What keeps a model from running."""

    READY = "ready"
    LICENCE_NOT_ACCEPTED = "licence not accepted"
    FILE_MISSING = "file missing"
    PACKAGE_MISSING = "package missing"


@dataclass(frozen=True)
class ModelState:
    """A model, whether it is ready, and the names of the packages that it lacks."""

    spec: ModelSpec
    state: State
    missingPackages: tuple[str, ...] = ()


def modelState(spec: ModelSpec, packages: Iterable[Package]) -> ModelState:
    """Return the state of a model: first its licence, then the file, which only the user can get, then the packages."""
    if spec.weights is None:
        return ModelState(spec, State.READY)
    needed = PACKAGES_OF_FAMILY.get(spec.family, frozenset({"torch"}))
    missing = tuple(package.name for package in packages if package.name in needed and not package.isReady)
    if needs_acceptance(spec):
        return ModelState(spec, State.LICENCE_NOT_ACCEPTED, missing)
    try:
        find_weights(spec)
    except WeightsMissing:
        return ModelState(spec, State.FILE_MISSING, missing)
    return ModelState(spec, State.PACKAGE_MISSING if missing else State.READY, missing)
