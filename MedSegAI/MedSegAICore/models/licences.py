"""Licences of weights that the user has accepted on this computer."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from ..errors import LicenceNotAccepted, UnknownModel
from .catalogue import ModelSpec, load_catalogue
from .weights import user_data_folder

FOLDER_VARIABLE = "MEDSEGAI_LICENCES"
"""Environment variable that names the folder of the record."""

RECORD = "accepted_licences.json"

Terms = dict[str, str]
"""What was accepted for a model: other terms or other weights must be accepted anew."""


def accept_licence(model: ModelSpec | str) -> None:
    """Record that the user accepts the licence of a model's weights, given as its name or its description.

    Raises
    ------
    UnknownModel
        The catalogue has no model of that name.
    LicenceNotAccepted
        The record cannot be written.
    """
    spec = _described(model)
    if spec.weights is not None:
        _write({**_read(), spec.name: _terms(spec)})


def withdraw_licence(model: ModelSpec | str) -> None:
    """Forget that the user has accepted the licence of a model's weights; raises as `accept_licence` does."""
    name, record = _described(model).name, _read()
    if name in record:
        _write({other: terms for other, terms in record.items() if other != name})


def needs_acceptance(spec: ModelSpec) -> bool:
    """Tell whether a licence keeps a model from running until the user accepts it."""
    if spec.weights is None or not spec.weights.licence_must_be_accepted:
        return False
    return _read().get(spec.name) != _terms(spec)


def check_licence(spec: ModelSpec) -> None:
    """Let a model pass whose licence need not be accepted, or was.

    Raises
    ------
    LicenceNotAccepted
        It was not; the message says where to read it and how to accept it.
    """
    if spec.weights is None or not needs_acceptance(spec):
        return
    weights = spec.weights
    message = f"The licence of the model '{spec.name}' ({weights.licence}) was not accepted on this computer."
    advice = (
        f"Read it at {weights.licence_url}. If you accept it, say so in the module MedSegAI, or in Python with"
        f" MedSegAICore.accept_licence('{spec.name}')."
    )
    raise LicenceNotAccepted(message, advice)


def _described(model: ModelSpec | str) -> ModelSpec:
    if isinstance(model, ModelSpec):
        return model
    catalogue = load_catalogue()
    if model not in catalogue:
        message = f"There is no model '{model}'."
        raise UnknownModel(message, f"Choose one of: {', '.join(catalogue)}.")
    return catalogue[model]


def _terms(spec: ModelSpec) -> Terms:
    weights = spec.weights
    if weights is None:
        return {}
    return {"licence": weights.licence, "licence_url": weights.licence_url, "sha256": weights.sha256}


def _record_file() -> Path:
    named = os.environ.get(FOLDER_VARIABLE, "")
    return (Path(named) if named else user_data_folder()) / RECORD


def _read() -> dict[str, Terms]:
    """Return what was accepted; a record that cannot be read counts as none, so that the user is asked again."""
    try:
        record = json.loads(_record_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write(record: Mapping[str, Terms]) -> None:
    file = _record_file()
    part = file.with_name(f"{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(record, indent=1), encoding="utf-8")
        part.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        message = f"What you accept cannot be recorded in {file.parent}: {error.strerror or error}."
        advice = f"Name another folder in the environment variable {FOLDER_VARIABLE}."
        raise LicenceNotAccepted(message, advice) from error
