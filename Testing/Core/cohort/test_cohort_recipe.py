"""Recipes of cohorts: what they may say, and what changes their hash."""

from __future__ import annotations

import json

import pytest
from MedSegAICore.cohort.cohort_recipe import read_cohort_recipe, recipe_text
from MedSegAICore.errors import InvalidRequest
from MedSegAICore.prompts import PointPrompt
from MedSegAICore.recipe import task_to_dict
from MedSegAICore.request import DiffusionTask, FewShotTask, InContextTask, IntensityWindow, PromptTask

PLAIN = {"version": 1, "paradigm": "prompt", "model": "adaptive"}


@pytest.fixture
def recipe(tmp_path):
    def read(**fields):
        file = tmp_path / "recipe.json"
        file.write_text(json.dumps(fields))
        return read_cohort_recipe(file)

    return read


def test_settings_are_laid_over_the_defaults(recipe):
    found = recipe(**PLAIN, settings={"threshold": 0.4, "clean_up": {"fill_holes": True}}, labels={"liver": 6})
    assert found.task.threshold == 0.4
    assert found.task.clean_up.fill_holes
    assert not found.task.clean_up.largest_island
    assert (found.paradigm, dict(found.labels)) == ("prompt", {"liver": 6})


def test_a_support_model_is_found_beside_the_recipe(recipe, tmp_path):
    found = recipe(version=1, paradigm="fewshot", model="", supports="liver.safetensors")
    assert isinstance(found.task, FewShotTask)
    assert found.task.support_model == tmp_path / "liver.safetensors"


def test_every_paradigm_has_recipes(recipe, tmp_path):
    found = recipe(version=1, paradigm="incontext", model="registered_context", supports="library/liver")
    assert isinstance(found.task, InContextTask)
    assert (found.task.library, found.task.task) == (tmp_path / "library", "liver")
    assert found.supports == tmp_path / "library" / "liver"
    found = recipe(version=1, paradigm="diffusion", model="x", settings={"options": {"seed": 7}})
    assert isinstance(found.task, DiffusionTask)
    assert found.task.options.seed == 7
    assert found.is_prompted
    assert dict(found.labels) == {"segment": 1}


def test_the_task_of_one_result_is_a_recipe_too(recipe):
    found = recipe(**task_to_dict(PromptTask((), threshold=0.3)))
    assert found.task.threshold == 0.3
    assert dict(found.labels) == {"segment": 1}


def test_what_was_done_with_one_image_is_done_with_others_without_its_prompts_and_window(recipe, tmp_path):
    task = PromptTask((PointPrompt((1, 2, 3)),), window=IntensityWindow(0, 9), threshold=0.3)
    found = recipe(**json.loads(recipe_text(task, "liver")))
    assert task_to_dict(found.task) == task_to_dict(PromptTask((), threshold=0.3))
    assert dict(found.labels) == {"liver": 1}
    for task in (
        FewShotTask(tmp_path / "liver.safetensors", threshold=0.6),
        InContextTask(tmp_path / "library", "liver", labels=("liver",)),
        DiffusionTask((), "x"),
    ):
        assert task_to_dict(recipe(**json.loads(recipe_text(task))).task) == task_to_dict(task)


def test_the_hash_changes_with_settings_and_labels_but_not_with_folders(recipe):
    plain = recipe(**PLAIN).sha256
    assert recipe(**PLAIN, settings={}).sha256 == plain
    assert recipe(**PLAIN, settings={"threshold": 0.4}).sha256 != plain
    assert recipe(**PLAIN, labels={"segment": 2}).sha256 != plain
    few = {"version": 1, "paradigm": "fewshot", "model": ""}
    assert recipe(**few, supports="a.safetensors").sha256 == recipe(**few, supports="b/a.safetensors").sha256


WRONG = {
    "version": ({**PLAIN, "version": 2}, "recipe.version is 2"),
    "paradigm": ({**PLAIN, "paradigm": "magic"}, "recipe.paradigm must be one of"),
    "no model": ({"version": 1, "paradigm": "prompt"}, "recipe.model is missing"),
    "unknown": ({**PLAIN, "shell": "rm"}, "recipe.shell is not known"),
    "unknown setting": ({**PLAIN, "settings": {"treshold": 0.5}}, "recipe.settings.treshold is not known; there are"),
    "prompts": ({**PLAIN, "settings": {"prompts": []}}, "recipe.settings.prompts is not known"),
    "deep": ({**PLAIN, "settings": {"clean_up": {"holes": True}}}, "clean_up.holes is not known"),
    "range": ({**PLAIN, "settings": {"threshold": 2}}, "The threshold is 2"),
    "settings": ({**PLAIN, "settings": []}, "recipe.settings must be an object"),
    "labels": ({**PLAIN, "labels": {"liver": "1"}}, "recipe.labels must be"),
    "one value": ({**PLAIN, "labels": {"liver": 1, "spleen": 1}}, "two structures one value"),
    "two": ({**PLAIN, "labels": {"liver": 1, "spleen": 2}}, "Prompts mark one structure, not 2"),
    "large": ({**PLAIN, "labels": {"liver": 70000}}, "label value is 70000"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case, recipe):
    fields, said = WRONG[case]
    with pytest.raises(InvalidRequest) as caught:
        recipe(**fields)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100000])
def test_a_file_that_is_no_recipe_is_named(text, tmp_path):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(InvalidRequest):
        read_cohort_recipe(tmp_path / "recipe.json")
