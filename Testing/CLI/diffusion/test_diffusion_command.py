"""The command for plausible masks as a user types it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from CLI.conftest import CENTER
from MedSegAICore import __version__
from MedSegAICore.images import image_from_array, read_image, write_image
from MedSegAICore.label_files import read_labels
from MedSegAICore.recipe import Recipe, task_to_dict
from MedSegAICore.request import DiffusionTask, PromptTask, SamplingOptions


@pytest.fixture
def files(tmp_path):
    """Where every kind of result goes."""
    names = {"labelMap": "l.nrrd", "segmentation": "s.seg.nrrd", "uncertainty": "u.nrrd", "probability": "p.nrrd"}
    return {name: tmp_path / file for name, file in names.items()}


def test_a_box_gives_masks_their_consensus_and_their_doubt(process, line, files, scan, tmp_path):
    recipe, outputs = tmp_path / "recipe.json", [part for name, file in files.items() for part in (f"--{name}", file)]
    options = ("--candidates", "--name", "Nodule", "--labelValue", 7, "--combine", "mean", "--recipeOutput", recipe)
    finished = process(*line, *outputs, *options)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    labels, probability = read_image(files["labelMap"]), read_image(files["probability"]).array
    assert set(np.unique(labels.array)) == {0, 7}
    assert labels.geometry.matches(scan.geometry)
    assert 0 <= probability.min() < 0.5 < probability.max() <= 1
    assert 0 < read_image(files["uncertainty"]).array.max() <= 1
    segments = read_labels(files["segmentation"])
    assert list(segments.places) == ["Nodule", *(f"Nodule candidate {number}" for number in (1, 2, 3))]
    np.testing.assert_array_equal(segments.mask("Nodule"), labels.array == 7)
    assert not np.array_equal(segments.mask("Nodule candidate 1"), segments.mask("Nodule candidate 3"))
    task = Recipe.from_json(recipe.read_text()).task
    assert task.options == SamplingOptions(3, 2, combine="mean")


def test_the_time_is_told_before_the_masks_are_drawn_and_progress_goes_on(process, line, files):
    finished = process(*line, "--labelMap", files["labelMap"])
    assert finished.returncode == 0, finished.stderr
    told = finished.stdout
    assert re.search(r"^About [\d.e-]+ s for 3 masks in 2 steps\.$", told, re.MULTILINE)
    assert told.index("About ") < told.index("Step 1 of 2")
    progress = [float(value) for value in re.findall(r"<filter-progress>(.*?)</filter-progress>", told)]
    assert progress == sorted(progress)
    assert told.startswith("<filter-start>")
    assert told.rstrip().endswith("</filter-end>")
    assert re.search(r"Nine of ten masks have [\d.]+ to [\d.]+ ml\. Not a medical device\.", told)


def test_the_report_holds_what_the_description_promises(promised, command, line, files, scan, tmp_path):
    report = tmp_path / "report.params"
    assert command(*line, "--labelMap", files["labelMap"], "--returnparameterfile", report) == 0
    values = dict(re.findall(r"(.*?) = (.*)", report.read_text()))
    assert set(values) == promised
    assert int(values["voxels"]) == np.count_nonzero(read_image(files["labelMap"]).array)
    assert 0 < float(values["volumeLowMl"]) <= float(values["volumeHighMl"])
    assert values["usedModel"] == DiffusionTask.model
    assert float(values["predictedSeconds"]) > 0
    assert float(values["seconds"]) > 0


def test_a_recipe_makes_the_same_masks_again_and_another_seed_others(command, line, scan, weights, tmp_path):
    first, again, other, recipe = (tmp_path / name for name in ("1.nrrd", "2.nrrd", "3.nrrd", "recipe.json"))
    assert command(*line, "--probability", first, "--recipeOutput", recipe) == 0
    assert command(scan.image, "--recipe", recipe, "--weights", weights, "--probability", again) == 0
    assert command(*line, "--seed", 5, "--probability", other) == 0
    np.testing.assert_array_equal(read_image(first).array, read_image(again).array)
    assert not np.array_equal(read_image(first).array, read_image(other).array)


def test_a_region_points_and_a_mask_say_where_to_look(command, scan, weights, files, tmp_path):
    guess = tmp_path / "guess.nrrd"
    write_image(guess, image_from_array(scan.organ.astype(np.uint8), scan.geometry))
    prompts = [("--region", "-5,-12,40,10,10,6"), ("--positive", scan.points("inside", CENTER)), ("--mask", guess)]
    for prompt in prompts:
        line = (scan.image, *prompt, "--weights", weights, "--samples", 1, "--steps", 1, "--overwrite")
        assert command(*line, "--labelMap", files["labelMap"]) == 0
        assert read_image(files["labelMap"]).array.any()


def test_one_slice_or_a_range_of_slices_is_asked_about(command, line, files, scan):
    middle = int(scan.geometry.voxels_at(CENTER)[0][0])
    ends = [scan.geometry.to_ras([20.0, 20.0, float(k)])[0] for k in (middle - 1, middle + 1)]
    asked = {
        ("--scope", "axial"): [middle],
        ("--range", ",".join(str(number) for end in ends for number in end)): [middle - 1, middle, middle + 1],
    }
    for options, slices in asked.items():
        assert command(*line, *options, "--labelMap", files["labelMap"], "--overwrite") == 0
        used = np.flatnonzero(read_image(files["labelMap"]).array.any(axis=(1, 2)))
        assert set(used.tolist()) <= set(slices)
        assert used.size


def test_files_that_are_there_are_kept_unless_they_may_be_replaced(command, line, files, capsys):
    files["labelMap"].write_text("mine")
    assert command(*line, "--labelMap", files["labelMap"]) == 1
    assert "'l.nrrd' is there already. Choose another name, or replace it" in capsys.readouterr().err
    assert files["labelMap"].read_text() == "mine"


WRONG = {
    "no output": ([], "It is not clear where the result goes."),
    "candidates in a label map": (["--labelMap", "{out}.nrrd", "--candidates"], "cannot hold masks that overlap"),
    "no seg.nrrd": (["--segmentation", "{out}.nrrd"], "is not the name of a segmentation"),
    "no folder": (["--labelMap", "none/out.nrrd"], "There is no folder 'none'"),
    "label value": (["--labelMap", "{out}.nrrd", "--labelValue", "0"], "label value is 0"),
    "samples": (["--labelMap", "{out}.nrrd", "--samples", "0"], "The number of samples is 0."),
    "steps": (["--labelMap", "{out}.nrrd", "--steps", "0"], "The number of steps is 0."),
    "guidance": (["--labelMap", "{out}.nrrd", "--guidance", "30"], "The number of guidance is 30"),
    "threshold": (["--labelMap", "{out}.nrrd", "--threshold", "1"], "threshold is 1"),
    "unknown model": (["--labelMap", "{out}.nrrd", "--model", "adaptive"], "no model 'adaptive' for this task"),
    "a curve": (["--labelMap", "{out}.nrrd", "--positive", "{curve}"], "cannot use a scribble"),
    "direction of a slice": (["--labelMap", "{out}.nrrd", "--scope", "axial", "--direction", "axial"], "one slice"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_is_written(case, command, line, scan, tmp_path, capsys):
    options, said = WRONG[case]
    places = {"out": tmp_path / "out", "curve": scan.markups("curve", "Curve", CENTER, CENTER + 3)}
    assert command(*line, *[option.format(**places) for option in options]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.nrrd").exists()


def test_without_prompts_or_weights_nothing_is_drawn(command, scan, box, weights, files, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("MEDSEGAI_WEIGHTS", str(tmp_path))
    assert command(scan.image, "--weights", weights, "--labelMap", files["labelMap"]) == 1
    assert command(scan.image, "--box", box, "--labelMap", files["labelMap"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("No prompt")
    assert "safetensors" in second


def test_recipes_of_other_kinds_are_sent_to_their_commands(command, scan, files, tmp_path, capsys):
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(task_to_dict(PromptTask(()))))
    assert command(scan.image, "--recipe", recipe, "--labelMap", files["labelMap"]) == 1
    assert "is of a result that was prompted. Run it with MedSegAIPrompt." in capsys.readouterr().err


@pytest.mark.parametrize(("option", "said"), [("--help", "--samples N"), ("--version", __version__)])
def test_help_and_version_are_printed(command, capsys, option, said):
    with pytest.raises(SystemExit):
        command(option)
    assert said in capsys.readouterr().out
