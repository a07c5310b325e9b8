"""What is asked about the image of one case: the recipe's task with the prompts or the support model of the case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import GeometryMismatch, InvalidRequest, NoPositivePrompt
from ..images import read_image
from ..markups import read_markups
from ..prompts import MaskPrompt, Prompt
from ..request import FewShotTask, PromptTask, Task
from ..volume import ImageVolume, VolumePatch
from .cohort_recipe import NO_SUPPORTS, CohortRecipe
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
        return replace(task, support_model=_needed(supports_of(case, recipe)))
    if not isinstance(task, PromptTask):
        message = "The recipe is of a kind that cohorts cannot use."
        raise InvalidRequest(message, "Choose a recipe for prompts or for a support model.")
    prompts = tuple(prompt for column, file in case.prompts for prompt in _prompts(column, file, image))
    if not prompts and not task.prompts:
        message = "No prompt is given for this image."
        raise NoPositivePrompt(message, "Name a file in one of the columns positive, box or mask.")
    return replace(task, prompts=prompts) if prompts else task


def supports_of(case: Case, recipe: CohortRecipe) -> Path | None:
    """Return the support model of a case; None if none is named, or none needed."""
    if not isinstance(recipe.task, FewShotTask):
        return None
    supports = case.supports or recipe.task.support_model
    return None if supports == NO_SUPPORTS else supports


def _needed(supports: Path | None) -> Path:
    if supports is None:
        message = "No support model is given for this image."
        advice = "Name one as 'supports' in the recipe or in the table; MedSegAIFewShot --saveModel makes it."
        raise InvalidRequest(message, advice)
    return supports


def _prompts(column: str, file: Path, image: ImageVolume) -> tuple[Prompt, ...]:
    if column != "mask":
        return read_markups(file, positive=column != "negative")
    labels = read_image(file)
    if not labels.geometry.matches(image.geometry):
        message = f"The mask '{file.name}' lies on another grid than the image."
        raise GeometryMismatch(message)
    return (MaskPrompt(VolumePatch.whole(labels.array != 0, image.geometry).tight()),)
