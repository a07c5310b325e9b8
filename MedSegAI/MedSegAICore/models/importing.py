"""Take a checkpoint file of the user's own into the weights folder, if a model can use it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.run import Run
from ..errors import PackageMissing, WeightsAmbiguous, WeightsMismatch, WeightsMissing
from .catalogue import ModelSpec, load_catalogue
from .checkpoint import open_checkpoint
from .recognition import Recognised, recognise
from .store.store import WeightsStore
from .weights import weights_folders
from .weights_spec import WeightsSpec

_User = tuple[ModelSpec, WeightsSpec]
"""A model that can use a checkpoint, and its own."""


def import_file(path: str, model: str | None = None) -> dict[str, Any]:
    """Take `path` into the first weights folder, as `import_checkpoint` does.

    Returns
    -------
    dict
        `model`, its name, and `is_published`, whether the file is the published one; or only `candidates`, the names
        of models of which the user must choose one to call this again.
    """
    try:
        spec, is_published = import_checkpoint(Path(path), weights_folders()[0], load_catalogue(), model)
    except WeightsAmbiguous as error:
        return {"candidates": list(error.candidates)}
    return {"model": spec.name, "is_published": is_published}


def import_checkpoint(
    file: Path, folder: Path, catalogue: Mapping[str, ModelSpec], model: str | None = None
) -> tuple[ModelSpec, bool]:
    """Find out which model a checkpoint belongs to, try it, and copy it to where that model looks for it.

    Models may share a network, as SAM and MedSAM do. Then the hash of the file tells which one is meant, else its
    name, else the user. An older checkpoint of that model is replaced, and only once the new one is complete.

    Parameters
    ----------
    file, folder
        The checkpoint, and where models look for theirs.
    catalogue
        The models by name.
    model
        Name of the model that the user has chosen; None lets the file tell.

    Returns
    -------
    spec, is_published
        The model, and whether the file is bit for bit the one that its authors publish. If not, it is a copy that
        was trained further; results name it by its hash.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe
        The file cannot be read as a checkpoint.
    WeightsAltered
        It was changed while it was copied.
    WeightsMismatch
        No model of the catalogue can use it; the message says what it seems to be.
    WeightsAmbiguous
        Several models can use it; the error names them.
    WeightsUnwritable, WeightsBusy, WeightsInUse
        The weights folder cannot be written, or is full, or another program is busy with the file.
    PackageMissing
        Something that is needed to read it is not installed.
    """
    _need("torch", "a checkpoint")
    cache = ByteBoundedCache(1 << 10)
    recognised, sha256 = _recognised(file, cache)
    spec, weights = _choice(file, sha256, _users_of(recognised, file, catalogue), model)
    _try(spec, file, cache)
    WeightsStore([folder]).take(file, weights, Run(), sha256)
    return spec, sha256 == weights.sha256


def _recognised(file: Path, cache: ByteBoundedCache) -> tuple[Recognised, str]:
    """Return what a checkpoint seems to be, and its hash; the file is not mapped any more."""
    checkpoint = open_checkpoint(file, cache)
    return recognise(checkpoint.table.shapes, checkpoint.table.parts), checkpoint.sha256


def _users_of(recognised: Recognised, file: Path, catalogue: Mapping[str, ModelSpec]) -> list[_User]:
    """Return the models that can use a checkpoint, of those that share a file only the one that is promptable."""
    users: dict[str, _User] = {}
    network = recognised.architecture
    for spec in sorted(catalogue.values(), key=lambda spec: spec.paradigm != "prompt"):
        if spec.weights is not None and network and network in (spec.architecture, spec.family):
            users.setdefault(spec.weights.filename, (spec, spec.weights))
    if not users:
        message = f"The file {file.name} seems to be {recognised.title}, and MedSegAI has no model that uses it."
        raise WeightsMismatch(message, recognised.advice)
    return list(users.values())


def _choice(file: Path, sha256: str, users: Sequence[_User], model: str | None) -> _User:
    """Return the model that a checkpoint belongs to: the chosen one, or what the hash or else the name tells."""
    if model is not None:
        chosen = [user for user in users if user[0].name == model]
        if not chosen:
            message = f"The file {file.name} is not for the model '{model}'."
            raise WeightsMismatch(message, f"It can be used by: {', '.join(spec.name for spec, _ in users)}.")
        return chosen[0]
    published = [user for user in users if user[1].sha256 == sha256]
    told = published or (users if len(users) == 1 else _told_by_name(file.stem, users))
    if len(told) == 1:
        return told[0]
    names = tuple(spec.name for spec, _ in users)
    message = f"The file {file.name} can be the checkpoint of several models: {', '.join(names)}."
    raise WeightsAmbiguous(message, candidates=names)


def _told_by_name(name: str, users: Sequence[_User]) -> list[_User]:
    """Return the models that have the most of their own name in the name of a file."""
    lengths = [max(map(len, (_common_words(name, own) for own in _names_of(user)))) for user in users]
    return [user for user, length in zip(users, lengths, strict=True) if length == max(lengths) > 0]


def _names_of(user: _User) -> tuple[str, ...]:
    spec, weights = user
    return spec.name, spec.title, spec.title.split()[0], Path(weights.filename).stem


def _common_words(text: str, name: str) -> str:
    """Return the words of `name` as one, if they follow each other in `text`, else nothing."""
    words, wanted = (re.findall(r"[a-z0-9]+", part.lower()) for part in (text, name))
    runs = (words[start : start + len(wanted)] for start in range(len(words)))
    return "".join(wanted) if wanted in runs else ""


def _try(spec: ModelSpec, file: Path, cache: ByteBoundedCache) -> None:
    """Build the model with the file, which refuses it by name if it does not fit."""
    module, _, function = spec.entry.partition(":")
    plan = DevicePlan("cpu", "float32", "A checkpoint is tried where every computer can.")
    build = getattr(_need(module, f"the model '{spec.name}'"), function)
    try:
        build(spec, file, plan, cache)
    except WeightsMissing:
        if not spec.base:
            raise  # else what it is added to is not here yet: its own tensors fitted, or that would have been said


def _need(module: str, purpose: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        message = f"To read {purpose}, a Python package is needed that cannot be loaded ({error})."
        raise PackageMissing(message) from error
