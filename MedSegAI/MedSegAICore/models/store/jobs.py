"""What is done with the store on behalf of the user interface, with plain values: it runs in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...engine.run import Run
from ...errors import UnknownModel
from ..catalogue import ModelSpec, load_catalogue
from .bundle_in import bundle_in
from .bundle_out import bundle_out
from .sources import Sources
from .store import WeightsStore, weights_of


def download_model(model: str, mirror: str, offline_folder: str, run: Run) -> dict[str, Any]:
    """Get the checkpoint of a model, after that of the model that it builds on; say what is there now."""
    spec, sources = described([model])[0], Sources(mirror, offline_folder)
    specs = [*described([spec.base] if spec.base else []), spec]
    for number, one in enumerate(specs):
        share = run.part(number / len(specs), (number + 1) / len(specs))
        stored = WeightsStore().download(one, sources, share)
    return {"filename": stored.weights.filename, "is_published": stored.is_published}


def verify_models(models: Sequence[str], run: Run) -> list[dict[str, Any]]:
    """Read the checkpoints of some models; return the name of each and whether it is the published one."""
    store, specs = WeightsStore(), described(models)
    found = []
    for number, spec in enumerate(specs):
        stored = store.verify(weights_of(spec), run.part(number / len(specs), (number + 1) / len(specs)))
        found.append({"filename": stored.weights.filename, "is_published": stored.is_published})
    return found


def remove_model(model: str) -> int:
    """Remove the checkpoint of a model; return what that frees [bytes]."""
    return WeightsStore().remove(weights_of(described([model])[0]))


def write_bundle(models: Sequence[str], path: str, run: Run) -> list[dict[str, Any]]:
    """Write the checkpoints of some models into a bundle; return what it holds."""
    return [asdict(file) for file in bundle_out(WeightsStore(), described(models), Path(path), run)]


def read_bundle(path: str, run: Run) -> list[dict[str, Any]]:
    """Take the checkpoints of a bundle in; return what it holds."""
    return [asdict(file) for file in bundle_in(WeightsStore(), load_catalogue(), Path(path), run)]


def described(models: Sequence[str]) -> list[ModelSpec]:
    """Return the descriptions of models by their names.

    Raises
    ------
    UnknownModel
        The catalogue has no model of such a name.
    """
    catalogue = load_catalogue()
    for name in models:
        if name not in catalogue:
            message = f"There is no model '{name}'."
            raise UnknownModel(message, f"Choose one of: {', '.join(catalogue)}.")
    return [catalogue[name] for name in models]
