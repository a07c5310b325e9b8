"""Support models as files: safetensors with a JSON description, no code and no names of examples.

A file holds the examples' voxels, reduced, so it may be shared as freely as the images that it was made of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..errors import InvalidRequest, InvalidSupportModel, MedSegAIError
from ..fields import Fields
from ..images import whole_files
from .learner import Scores, StoredModel

DESCRIPTION = "medsegai_support_model"
"""Name of the JSON text in the file."""

VERSION = 2


def save_model(model: StoredModel, path: Path) -> None:
    """Write a support model; the file appears whole or not at all.

    Raises
    ------
    InvalidRequest
        The file cannot be written.
    """
    description = {
        "version": VERSION,
        "method": model.method,
        "weights_hash": model.weights_hash,
        "labels": list(model.labels),
        "values": dict(model.values),
        "leave_one_out": {label: list(scores) for label, scores in model.leave_one_out.items()},
        "description": model.description,
    }
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in model.tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_files(path) as draft:
            save_file(contiguous, draft, {DESCRIPTION: json.dumps(description, allow_nan=False)})
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        message = f"The support model '{path.name}' cannot be written ({reason})."
        raise InvalidRequest(message, "Choose another folder or file name.") from error


def read_description(path: Path) -> StoredModel:
    """Return a support model without its arrays, which takes no time; raises what `load_model` raises."""
    return _read(path, with_tensors=False)


def load_model(path: Path) -> StoredModel:
    """Return a support model from a file.

    Raises
    ------
    InvalidSupportModel
        There is no such file, it is cut off, it is something else, or it is of another version.
    """
    return _read(path, with_tensors=True)


def _read(path: Path, *, with_tensors: bool) -> StoredModel:
    if not path.is_file():
        message = f"There is no support model '{path.name}'."
        raise InvalidSupportModel(message, "Choose an existing file, or learn from the examples again.")
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(DESCRIPTION, "")
            names = file.keys() if with_tensors else ()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, TypeError) as error:  # TypeError: a type that NumPy has not
        message = f"'{path.name}' is cut off or is no support model."
        raise InvalidSupportModel(message) from error
    try:
        return _stored(json.loads(text), tensors)
    except (ValueError, RecursionError, MedSegAIError) as error:
        reason = error.message if isinstance(error, MedSegAIError) else "it is not described as one"
        message = f"'{path.name}' is no support model that can be used: {reason.rstrip('.')}."
        raise InvalidSupportModel(message) from error


def _stored(values: Any, tensors: Mapping[str, Any]) -> StoredModel:
    fields = Fields(values, "support model", InvalidSupportModel)
    if (version := fields.whole_number("version")) != VERSION:
        fields.refuse("version", f"is {version}; this MedSegAI reads version {VERSION}")
    labels = fields.value("labels")
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        fields.refuse("labels", "must be a list of names")
    description = fields.value("description")
    if not isinstance(description, dict):
        fields.refuse("description", "must be an object")
    stored = StoredModel(
        method=fields.text("method"),
        weights_hash=fields.text("weights_hash", allow_empty=True),
        labels=tuple(labels),
        leave_one_out=_scores(fields.part("leave_one_out"), labels),
        description=description,
        tensors=tensors,
        values=_values(fields.part("values"), labels),
    )
    fields.finish()
    return stored


def _values(fields: Fields, labels: list[str]) -> dict[str, int]:
    """Return the values in label maps of the structures that have one."""
    values = {label: fields.whole_number(label) for label in labels if fields.has(label)}
    fields.finish()
    return values


def _scores(fields: Fields, labels: list[str]) -> Scores:
    """Return the scores of every structure, or nothing where none are known."""
    if fields.is_empty:
        return {}
    scores = {label: tuple(float(value) for value in fields.numbers(label, -1)) for label in labels}
    fields.finish()
    return scores
