"""Knowledge of examples as numbers and plain data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidSupportModel
from ...fields import Fields
from ..learner import Scores, StoredModel
from ..registered.stored import described, support_model, tensors_of
from .knowledge import Knowledge
from .shots import Shot

PARTS = {"features": (np.float16, 3, True), "covered": (np.float32, 3, True), "depths": (np.float64, 1, False)}
"""The arrays of a shot: their types, their numbers of axes, and whether all values are finite."""


def stored_knowledge(knowledge: Knowledge, method: str, weights_hash: str, leave_one_out: Scores) -> StoredModel:
    """Return knowledge as a file keeps it."""
    tensors = dict(tensors_of(knowledge.registered))
    for number, shot in enumerate(knowledge.shots):
        tensors |= {f"shots.{number}.{name}": getattr(shot, name) for name in PARTS}
    description = {
        "registered": described(knowledge.registered),
        "axis": -1 if knowledge.axis is None else knowledge.axis,
        "spacing": knowledge.spacing,
        "examples": [shot.example for shot in knowledge.shots],
    }
    return StoredModel(method, weights_hash, knowledge.labels, leave_one_out, description, tensors)


def restored_knowledge(stored: StoredModel, method: str, weights_hash: str) -> Knowledge:
    """Return the knowledge that `stored_knowledge` took apart.

    Raises
    ------
    InvalidSupportModel
        It is of another method or of other weights; or something is missing or cannot be: the message names it.
    """
    if (stored.method, stored.weights_hash) != (method, weights_hash):
        message = f"The support model was learned by '{stored.method}', or with other weights than '{method}' has."
        raise InvalidSupportModel(message)
    fields = Fields(stored.description, "support model", InvalidSupportModel)
    registered = support_model(replace(stored, description=fields.value("registered")))
    axis, spacing = int(fields.number("axis")), fields.number("spacing")
    is_plane = len(registered.spacing) == 2
    if axis not in ((-1,) if is_plane else (0, 1, 2)):
        fields.refuse("axis", "does not fit the images")
    if spacing <= 0:
        fields.refuse("spacing", "must be above 0")
    examples = [int(number) for number in fields.numbers("examples", -1)]
    fields.finish()
    if not all(0 <= number < len(registered.scans) for number in examples):
        message = "The support model has slices of examples that it does not have."
        raise InvalidSupportModel(message)
    shots = [_shot(stored.tensors, number, example, len(stored.labels)) for number, example in enumerate(examples)]
    if len({len(shot.features) for shot in shots}) > 1:
        message = "The support model has features of several kinds."
        raise InvalidSupportModel(message)
    return Knowledge(registered, tuple(shots), None if axis < 0 else axis, spacing)


def _shot(tensors: Mapping[str, NDArray[Any]], number: int, example: int, labels: int) -> Shot:
    features, covered, depths = (_part(tensors, number, name) for name in PARTS)
    if features.shape[1:] != covered.shape[1:] or not len(covered) == len(depths) == labels:
        message = "The support model has a slice whose parts do not fit each other."
        raise InvalidSupportModel(message)
    return Shot(features, covered, depths, example)


def _part(tensors: Mapping[str, NDArray[Any]], number: int, name: str) -> NDArray[Any]:
    part = tensors.get(f"shots.{number}.{name}")
    kind, axes, finite = PARTS[name]
    if part is None or part.dtype != kind or part.ndim != axes or part.size == 0:
        message = f"The support model does not have the {name} of a slice."
        raise InvalidSupportModel(message)
    if finite and not np.isfinite(part).all():
        message = f"The support model has {name} of a slice that cannot be."
        raise InvalidSupportModel(message)
    return part
