"""Whether a model of the catalogue can run on this computer, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from MedSegAICore.models.catalogue import ModelSpec, load_catalogue
from MedSegAICore.models.licences import needs_acceptance
from MedSegAICore.models.store.store import WeightsStore
from MedSegAICore.models.store.stored_file import StoredFile

from .packages import Package

PACKAGES_OF_FAMILY = {
    **dict.fromkeys(("sam", "samed", "sam_med3d"), frozenset({"torch", "segment-anything"})),
    "medsegai_prompt": frozenset({"torch", "monai"}),
}
"""What a network needs beside MedSegAI itself; families that are not named need PyTorch if they have weights."""


class State(Enum):
    """What keeps a model from running."""

    READY = "ready"
    LICENCE_NOT_ACCEPTED = "licence not accepted"
    FILE_MISSING = "file missing"
    PACKAGE_MISSING = "package missing"


@dataclass(frozen=True)
class ModelState:
    """A model on this computer.

    Parameters
    ----------
    spec, state
        What it is, and what keeps it from running.
    missingPackages
        Names of the packages that it lacks.
    file
        What there is of its own weights; None if it has none.
    missingBase
        The model that it builds on, if the weights of that are missing.
    """

    spec: ModelSpec
    state: State
    missingPackages: tuple[str, ...] = ()
    file: StoredFile | None = None
    missingBase: ModelSpec | None = None


def modelState(spec: ModelSpec, packages: Iterable[Package]) -> ModelState:
    """Return the state of a model: first its licence, then the file, which only the user can get, then the packages."""
    if spec.weights is None:
        return ModelState(spec, State.READY)
    needed = PACKAGES_OF_FAMILY.get(spec.family, frozenset({"torch"}))
    missing = tuple(package.name for package in packages if package.name in needed and not package.isReady)
    store, base = WeightsStore(), load_catalogue()[spec.base] if spec.base else None
    file = store.look_at(spec.weights)
    missingBase = base if base is not None and not store.look_at(base.weights).is_there else None
    if needs_acceptance(spec) or (base is not None and needs_acceptance(base)):
        state = State.LICENCE_NOT_ACCEPTED
    elif not file.is_there or missingBase is not None:
        state = State.FILE_MISSING
    else:
        state = State.PACKAGE_MISSING if missing else State.READY
    return ModelState(spec, state, missing, file, missingBase)
