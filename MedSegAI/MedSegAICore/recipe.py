"""Recipes: a result's prompts, settings and versions as a small JSON file that makes it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import InvalidRequest
from .fields import Fields
from .request import SegmentationRequest, Task
from .result import SegmentationResult
from .task_fields import task_from_dict, task_to_dict
from .volume import ImageVolume

__all__ = ["SCHEMA_VERSION", "Recipe", "recipes_from_json", "recipes_to_json", "task_from_dict", "task_to_dict"]

SCHEMA_VERSION = 1
"""Grows when a recipe written before can no longer be read the same way."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """What it takes to make a result again.

    The same image, machine, versions and threads give the same mask bit for bit; elsewhere rounding may
    move single voxels.

    Parameters
    ----------
    task
        Prompts and settings, with the window that was used.
    image_fingerprint
        The image it was made on.
    weights_hash
        sha256 of the model's weights, "" if it has none.
    device
        Where it ran, in words.
    versions
        Versions of MedSegAI and of the libraries that computed it.
    threads
        Number of threads of the libraries that computed it.
    """

    task: Task
    image_fingerprint: str
    weights_hash: str
    device: str
    versions: dict[str, str]
    threads: int

    @property
    def model(self) -> str:
        """Name of the model in the catalogue."""
        return self.task.model

    @classmethod
    def from_result(cls, result: SegmentationResult) -> Recipe:
        """Return the recipe of `result`."""
        made = result.provenance
        task = task_from_dict(made.task)
        return cls(task, made.image_fingerprint, made.weights_hash, made.device, dict(made.versions), made.threads)

    def request(self, image: ImageVolume, segment: str = "", generation: int = 0) -> SegmentationRequest:
        """Return the request that makes the result again on `image`."""
        return SegmentationRequest(image, self.task, segment, generation)

    def to_json(self) -> str:
        """Return the recipe as JSON text."""
        fields = {
            "schema_version": SCHEMA_VERSION,
            "task": task_to_dict(self.task),
            "image_fingerprint": self.image_fingerprint,
            "weights_hash": self.weights_hash,
            "device": self.device,
            "versions": self.versions,
            "threads": self.threads,
        }
        return json.dumps(fields, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Recipe:
        """Return the recipe that `to_json` wrote.

        Raises
        ------
        InvalidRequest
            The text is not JSON, of a newer schema, or a field is missing, unknown or wrong.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            message = f"The recipe is not JSON: {error}."
            raise InvalidRequest(message) from error
        fields = Fields(values, "recipe")
        version = fields.whole_number("schema_version")
        if version != SCHEMA_VERSION:
            message = f"The recipe has the schema version {version}; this MedSegAI reads version {SCHEMA_VERSION}."
            raise InvalidRequest(message, "Update MedSegAI, or make the recipe again.")
        recipe = cls(
            task_from_dict(fields.value("task")),
            fields.text("image_fingerprint"),
            fields.text("weights_hash", allow_empty=True),
            fields.text("device"),
            fields.texts("versions"),
            fields.whole_number("threads"),
        )
        fields.finish()
        return recipe


def recipes_to_json(recipes: Sequence[Recipe]) -> str:
    """Return the recipes of results that went into one segment, in this order, as the JSON text of a list."""
    return "[" + ",\n".join(recipe.to_json() for recipe in recipes) + "]"


def recipes_from_json(text: str | bytes) -> tuple[Recipe, ...]:
    """Return the recipes that `recipes_to_json` wrote.

    Raises
    ------
    InvalidRequest
        The text is not the JSON of a list, or one of the recipes cannot be read.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"The recipes are not JSON: {error}."
        raise InvalidRequest(message) from error
    if not isinstance(values, list):
        message = "The recipes are not a list."
        raise InvalidRequest(message)
    return tuple(Recipe.from_json(json.dumps(value)) for value in values)
