"""What is asked about the image of one case: the recipe's task with the prompts or the support model of the case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import InvalidRequest, NoPositivePrompt
from ..markups import read_markups
from ..prompt_options import read_mask
from ..prompts import MaskPrompt, Prompt
from ..request import FewShotTask, InContextTask, Task
from ..volume import ImageVolume
from .cohort_recipe import CohortRecipe
from .manifest import Case


def task_of(case: Case, recipe: CohortRecipe, image: ImageVolume) -> Task:
    """Return the task of a case.

    Raises
    ------
    NoPositivePrompt, InvalidRequest, GeometryMismatch...
        There are no prompts, or a file of them cannot be used.
    """
    task = recipe.task
    if isinstance(task, FewShotTask):
        return replace(task, support_model=_needed(case, recipe))
    if isinstance(task, InContextTask):
        folder = _needed(case, recipe)
        return replace(task, library=folder.parent, task=folder.name)
    prompts = tuple(prompt for column, file in case.prompts for prompt in _prompts(column, file, image))
    if not prompts and not task.prompts:
        message = "No prompt is given for this image."
        raise NoPositivePrompt(message, "Name a file in one of the columns positive, box or mask.")
    return replace(task, prompts=prompts) if prompts else task


def supports_of(case: Case, recipe: CohortRecipe) -> Path | None:
    """Return what shows the structures of a case; None if nothing is named, or nothing needed."""
    return None if recipe.is_prompted else case.supports or recipe.supports


def _needed(case: Case, recipe: CohortRecipe) -> Path:
    supports = supports_of(case, recipe)
    if supports is None:
        message = "No support model and no task of a library is given for this image."
        advice = (
            "Name one as 'supports' in the recipe or in the table; MedSegAIFewShot --saveModel makes a support model."
        )
        raise InvalidRequest(message, advice)
    return supports


def _prompts(column: str, file: Path, image: ImageVolume) -> tuple[Prompt, ...]:
    if column != "mask":
        return read_markups(file, positive=column != "negative")
    return (MaskPrompt(read_mask(file, image)),)
