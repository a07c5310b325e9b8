"""The command for tasks that grow, as a user types it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from CLI.incontext.conftest import LABELS, dice_of
from MedSegAICore import __version__
from MedSegAICore.engine.engine import Engine
from MedSegAICore.images import read_image
from MedSegAICore.incontext.task_library import TaskLibrary
from MedSegAICore.label_files import read_labels
from MedSegAICore.recipe import Recipe, task_to_dict
from MedSegAICore.request import InContextTask, PromptTask


@pytest.fixture
def files(tmp_path):
    return {name: tmp_path / name for name in ("q_labels.nii.gz", "q.seg.nrrd", "doubt.nrrd", "r.json", "r.txt")}


@pytest.fixture
def no_work(monkeypatch):
    """Fail where something is segmented."""
    monkeypatch.setattr(Engine, "segment", lambda *_: pytest.fail("nothing should be segmented here"))


def test_a_task_grows_and_segments_an_image_into_every_kind_of_file(process, command, people, task, files):
    labels, segments, doubt, recipe, report = files.values()
    assert command(*task, "--example", *people.first, *LABELS) == 0
    outputs = ("--labelMap", labels, "--segmentation", segments, "--uncertainty", doubt, "--recipeOutput", recipe)
    finished = process(
        *task, "--example", *people.second, *LABELS, "--query", people.query, *outputs, "--report", report
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert min(dice_of(labels).values()) > 0.7
    found = read_labels(segments)
    assert list(found.places) == ["liver", "kidney"]
    assert (found.mask("liver") == (read_image(labels).array == 1)).all()
    uncertainty = read_image(doubt).array
    assert 0.5 < uncertainty.max() <= 1
    assert uncertainty[np.isin(read_image(labels).array, (1, 5))].any()
    said = report.read_text()
    assert "Task 'organs' with 2 examples." in said
    assert re.search(r"kidney \(value 5\): [\d.]+ ml, expected Dice \d", said)
    assert said in finished.stdout
    progress = [float(value) for value in re.findall(r"<filter-progress>(.*?)</filter-progress>", finished.stdout)]
    assert progress == sorted(progress)
    kept = Recipe.from_json(recipe.read_text()).task
    assert isinstance(kept, InContextTask)
    assert kept.digest == TaskLibrary(task[1]).task("organs").digest()


def test_a_recipe_makes_the_result_again_until_the_task_grows(command, people, task, tmp_path, capsys):
    first, second, recipe = (tmp_path / name for name in ("first.nrrd", "second.nrrd", "recipe.json"))
    kept = ("--labelMap", first, "--recipeOutput", recipe)
    assert command(*task, "--example", *people.first, *LABELS, "--query", people.query, *kept) == 0
    again = ("--recipe", recipe, "--query", people.query, *LABELS, "--labelMap", second)
    assert command(*again) == 0
    assert (read_image(first).array == read_image(second).array).all()

    assert command(*task, "--example", *people.second, *LABELS) == 0
    assert command(*again, "--overwrite") == 1
    assert "they were changed since" in capsys.readouterr().err


@pytest.mark.usefixtures("no_work")
def test_examples_alone_are_added_and_label_maps_without_names_keep_their_values(command, people, task, capsys):
    assert command(*task, "--example", *people.first) == 0
    (example,) = TaskLibrary(task[1]).task("organs").examples()
    assert example.labels == ("label 1", "label 5")
    assert "Task 'organs' with 1 examples." in capsys.readouterr().out


def test_the_report_for_slicer_holds_what_the_description_promises(promised, command, people, task, tmp_path):
    report = tmp_path / "report.params"
    assert command(*task, "--example", *people.first, *LABELS, "--returnparameterfile", report) == 0
    fields = dict(line.split(" =")[:2] for line in report.read_text().splitlines())
    assert set(fields) == promised
    assert (fields["structures"], fields["examples"]) == (" liver, kidney", " 1")


WRONG = {
    "nothing": ([], "It is not clear what to segment. Give --library and --task, or --recipe."),
    "no name": (["--library", "{lib}", "--query", "{q}", "--labelMap", "{out}.nrrd"], "It is not clear what to"),
    "no output": (["{task}", "--query", "{q}"], "It is not clear where the result goes."),
    "no image": (["{task}", "--labelMap", "{out}.nrrd"], "There is no image to segment."),
    "no file": (["{task}", "--query", "none.nrrd", "--labelMap", "{out}.nrrd"], "There is no image file 'none.nrrd'"),
    "no task": (["{task}", "--query", "{q}", "--labelMap", "{out}.nrrd"], "There is no task 'organs'"),
    "no folder": (["{task}", "--query", "{q}", "--labelMap", "none/{out}.nrrd"], "There is no folder 'none"),
    "no seg.nrrd": (["{task}", "--query", "{q}", "--segmentation", "{out}.nrrd"], "is not the name of a segmentation"),
    "half a pair": (["{task}", "--exampleImage", "{q}"], "The example has only one of image and labels."),
    "two sources": (["{task}", "--recipe", "{q}", "--query", "{q}", "--labelMap", "{out}.nrrd"], "names the task"),
    "supports": (
        ["{task}", "--example", "{a}", "{b}", "--supports", "0", "--query", "{q}", "--labelMap", "{out}.nrrd"],
        "The number of supports is 0.",
    ),
    "bad name": (["--library", "{lib}", "--task", "a/b", "--example", "{a}", "{b}"], "cannot be the name of a task"),
    "label missing": (["{task}", "--example", "{a}", "{b}", "--labels", "spleen=9"], "does not show 'spleen'"),
}


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_is_wrong_is_said_in_one_sentence(case, command, people, task, tmp_path, capsys):
    arguments, said = WRONG[case]
    places = {"q": people.query, "out": tmp_path / "out", "lib": task[1], "a": people.first[0], "b": people.first[1]}
    line = [part.format(task="{task}", **places) for part in arguments]
    if "{task}" in line:
        line[:1] = task
    assert command(*line) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.nrrd").exists()


@pytest.mark.usefixtures("no_work")
def test_a_recipe_of_another_kind_is_refused(command, people, tmp_path, capsys):
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(task_to_dict(PromptTask(()))))
    assert command("--recipe", recipe, "--query", people.query, "--labelMap", tmp_path / "labels.nrrd") == 1
    assert "'recipe.json' is of a result that was prompted. Run it with MedSegAIPrompt." in capsys.readouterr().err


def test_help_and_version(process):
    assert "--example IMAGE LABELS" in process("--help").stdout
    assert process("--version").stdout.strip() == __version__
