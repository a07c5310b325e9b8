"""What is done with every image of a cohort: paradigm, model and settings, as a small JSON file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..command_line import read_recipe
from ..errors import InvalidRequest
from ..fields import Fields
from ..images import check_label_value
from ..recipe import task_from_dict, task_to_dict
from ..request import DiffusionTask, FewShotTask, InContextTask, PromptTask, Task

VERSION = 1

NO_SUPPORTS = Path("none/none")
"""Stands in a task for the support model, or for the task of a library, that every case names."""

FROM_CASE = {
    "prompt": {"kind", "model", "prompts"},
    "fewshot": {"kind", "model", "support_model", "sha256"},
    "incontext": {"kind", "model", "library", "task", "digest"},
    "diffusion": {"kind", "model", "prompts"},
}
"""By paradigm, fields of its tasks that are no settings: each case, or another field of the recipe, gives them."""

PLACES = {"support_model", "library", "task"}
"""Fields that say where something lies; what lies there counts by its content."""

OF_ONE_IMAGE = {"scope", "window"}
"""Fields of a task that fit the image it was asked about, and hardly another."""

DEFAULT_LABEL = "segment"


@dataclass(frozen=True, eq=False)
class CohortRecipe:
    """What is done with every image.

    Parameters
    ----------
    task
        Model and settings; each case adds its prompts or its support model.
    labels
        Values in label maps by name of the structure. Prompts mark one structure, so there is one.
    """

    task: Task
    labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def paradigm(self) -> str:
        """How the model is told what to segment."""
        return str(task_to_dict(self.task)["kind"])

    @property
    def is_prompted(self) -> bool:
        """Whether each case marks the one structure; otherwise examples show the structures."""
        return isinstance(self.task, PromptTask | DiffusionTask)

    @property
    def supports(self) -> Path | None:
        """Support model, or folder of a task in a library, for cases that name none."""
        if isinstance(self.task, FewShotTask):
            return _unless_missing(self.task.support_model)
        return _unless_missing(self.task.library / self.task.task) if isinstance(self.task, InContextTask) else None

    @property
    def sha256(self) -> str:
        """Hash of everything that a result depends on apart from the files of a case."""
        settings = {key: value for key, value in task_to_dict(self.task).items() if key not in PLACES}
        return digest_of({"task": settings, "labels": dict(self.labels)})


def digest_of(values: Any) -> str:
    """Return the sha256 of JSON data in hexadecimal digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def read_cohort_recipe(file: Path) -> CohortRecipe:
    """Return the recipe of a JSON file: one for cohorts, or one that a result was saved with.

    A recipe for cohorts is `{"version": 1, "paradigm": "prompt", "model": "adaptive", "settings": {"threshold": 0.5},
    "labels": {"liver": 1}}`. For `fewshot` there may be `"supports": "liver.safetensors"`, for `incontext` the folder
    of a task, `"supports": "library/liver"`, relative to the recipe.

    Raises
    ------
    InvalidRequest
        The file cannot be read, or a field is missing, unknown or wrong; the message names it.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        message = f"The recipe '{file}' cannot be read ({error})."
        raise InvalidRequest(message, "Choose a JSON file with paradigm, model and settings.") from error
    if not isinstance(values, dict) or "paradigm" not in values:
        return recipe_of_task(read_recipe(file)[0])
    return _from_fields(Fields(values, "recipe"), file.parent)


def recipe_of_task(task: Task, labels: Mapping[str, int] | None = None) -> CohortRecipe:
    """Return the recipe that does with every image what `task` does.

    Raises
    ------
    InvalidRequest
        A value fits no label map, or prompts have several structures.
    """
    labels = dict(labels or {})
    if isinstance(task, PromptTask | DiffusionTask):
        labels = labels or {DEFAULT_LABEL: 1}
        if len(labels) > 1:
            message = f"Prompts mark one structure, not {len(labels)}: {', '.join(labels)}."
            raise InvalidRequest(message, "Make a recipe and a table for each structure.")
    for value in labels.values():
        check_label_value(value)
    return CohortRecipe(task, labels)


def recipe_text(task: Task, label: str = DEFAULT_LABEL) -> str:
    """Return the text of a recipe that does with every image what `task` did with one.

    Parameters
    ----------
    task
        What was done; its prompts, its slice and its window are those of one image, and left out.
    label
        Name of the structure, where prompts mark it.
    """
    recipe, values = recipe_of_task(task, {}), task_to_dict(task)
    left_out = FROM_CASE[recipe.paradigm] | OF_ONE_IMAGE
    settings = {name: value for name, value in values.items() if name not in left_out}
    fields: dict[str, Any] = {"version": VERSION, "paradigm": recipe.paradigm, "model": task.model}
    fields["settings"] = settings
    if recipe.is_prompted:
        fields["labels"] = {label: 1}
    elif recipe.supports is not None:
        fields["supports"] = str(recipe.supports)
    return json.dumps(fields, indent=1) + "\n"


def _from_fields(fields: Fields, folder: Path) -> CohortRecipe:
    if (version := fields.whole_number("version")) != VERSION:
        fields.refuse("version", f"is {version}; this MedSegAI reads version {VERSION}")
    paradigm = fields.choice("paradigm", tuple(FROM_CASE))
    model = fields.text("model", allow_empty=paradigm == "fewshot")
    settings = fields.value("settings") if fields.has("settings") else {}
    labels = _labels(fields) if fields.has("labels") else {}
    supports = NO_SUPPORTS
    if paradigm in ("fewshot", "incontext") and fields.has("supports"):
        supports = (folder / fields.text("supports")).absolute()
    fields.finish()
    task = _with_settings(_default_task(paradigm, model, supports), settings, fields)
    return recipe_of_task(task, labels)


def _default_task(paradigm: str, model: str, supports: Path) -> Task:
    if paradigm == "fewshot":
        return FewShotTask(supports, model=model)
    if paradigm == "incontext":
        return InContextTask(supports.parent, supports.name, model=model)
    return PromptTask((), model) if paradigm == "prompt" else DiffusionTask((), model)


def _unless_missing(supports: Path) -> Path | None:
    return None if supports == NO_SUPPORTS else supports


def _with_settings(task: Task, settings: Any, fields: Fields) -> Task:
    values = task_to_dict(task)
    if not isinstance(settings, dict):
        fields.refuse("settings", "must be an object")
    for name, value in settings.items():
        if name not in values or name in FROM_CASE[values["kind"]]:
            allowed = sorted(set(values) - FROM_CASE[values["kind"]])
            fields.refuse(f"settings.{name}", f"is not known; there are {', '.join(allowed)}")
        both = isinstance(value, dict) and isinstance(values[name], dict)
        values[name] = {**values[name], **value} if both else value
    return task_from_dict(values)


def _labels(fields: Fields) -> dict[str, int]:
    part = fields.value("labels")
    is_named = isinstance(part, dict) and part and all(part)
    if not is_named or not all(isinstance(value, int) and not isinstance(value, bool) for value in part.values()):
        fields.refuse("labels", "must be an object of names with whole numbers")
    if len(set(part.values())) < len(part):
        fields.refuse("labels", "gives two structures one value")
    return dict(part)
