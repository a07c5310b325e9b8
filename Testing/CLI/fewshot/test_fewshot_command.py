"""The command that learns from examples, as a user types it: one image."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
import SimpleITK as sitk
from CLI.conftest import inputs_of
from CLI.fewshot.conftest import dice_of
from fakes.people import person
from fakes.people_files import VALUES, write_label_map, write_scan, write_segments
from MedSegAICore import __version__
from MedSegAICore.fewshot.model_file import load_model, save_model
from MedSegAICore.fewshot.support_set import SupportSet, find_examples, write_support_set
from MedSegAICore.images import read_image
from MedSegAICore.label_files import read_labels
from MedSegAICore.recipe import Recipe, task_to_dict
from MedSegAICore.request import FewShotTask, PromptTask
from MedSegAICore.segment_look import SegmentLook
from MedSegAICore.segmentation_file import read_looks

LABELS = ("--labels", "liver=1,kidney=5")


@pytest.fixture
def files(tmp_path):
    return {name: tmp_path / name for name in ("q_labels.nii.gz", "q.seg.nrrd", "m.safetensors", "r.json", "r.txt")}


def test_two_examples_segment_an_image_into_every_kind_of_file(process, people, files, tmp_path):
    labels, segments, model, recipe, report = files.values()
    outputs = ("--labelMap", labels, "--segmentation", segments, "--saveModel", model, "--recipeOutput", recipe)
    examples = ("--example", *people.first, "--example", *people.second, *LABELS)
    finished = process(*examples, "--query", people.query, *outputs, "--report", report, "--largestIsland")
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert min(dice_of(labels).values()) > 0.9
    found = read_labels(segments)
    assert list(found.places) == ["liver", "kidney"]
    assert (found.mask("liver") == (read_image(labels).array == 1)).all()
    task = Recipe.from_json(recipe.read_text()).task
    assert isinstance(task, FewShotTask)
    assert (task.support_model, task.clean_up.largest_island) == (model, True)
    said = report.read_text()
    assert re.search(
        r"Support model of 'registered', learned in [\d.]+ s; leave-one-out Dice: liver (0\.9\d|1\.00)", said
    )
    assert re.search(r"kidney \(value 5\): [\d.]+ ml, expected Dice (0\.9\d|1\.00)\.", said)
    assert said in finished.stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*files, "m.segments.json"])


def test_progress_is_in_the_form_that_slicer_reads(process, people, learned, files):
    finished = process("--modelFile", learned, "--query", people.query, "--segmentation", files["q.seg.nrrd"])
    assert finished.returncode == 0, finished.stderr
    progress = [float(value) for value in re.findall(r"<filter-progress>(.*?)</filter-progress>", finished.stdout)]
    assert progress == sorted(progress)
    assert progress[-1] > 0.9
    assert finished.stdout.startswith("<filter-start>")
    assert finished.stdout.rstrip().endswith("</filter-end>")


@pytest.mark.usefixtures("no_learning")
def test_what_was_learned_is_used_again_without_learning(command, people, learned, files, capsys):
    labels = files["q_labels.nii.gz"]
    assert command("--modelFile", learned, *LABELS, "--query", people.query, "--labelMap", labels) == 0
    assert min(dice_of(labels).values()) > 0.8
    printed = capsys.readouterr().out
    assert "used again" in printed
    assert "Warning: The support model" not in printed


@pytest.mark.usefixtures("no_learning")
def test_a_support_model_remembers_the_values_of_its_examples(command, people, learned, files, capsys):
    labels = files["q_labels.nii.gz"]
    assert command("--modelFile", learned, "--query", people.query, "--labelMap", labels) == 0
    assert set(read_labels(labels).places) == {"label 1", "label 5"}
    assert "Warning: The support model" not in capsys.readouterr().out


@pytest.mark.usefixtures("no_learning")
def test_values_that_are_not_known_are_said(command, people, learned, files, capsys):
    labels, model = files["q_labels.nii.gz"], files["m.safetensors"]
    save_model(replace(load_model(learned), values={}), model)
    assert command("--modelFile", model, "--query", people.query, "--labelMap", labels) == 0
    assert set(read_labels(labels).places) == {"label 1", "label 2"}
    assert "these are used: --labels liver=1,kidney=2." in capsys.readouterr().out


@pytest.mark.usefixtures("no_learning")
def test_a_recipe_makes_the_result_again_also_after_its_model_was_moved(command, people, learned, tmp_path):
    first, second, recipe = (tmp_path / name for name in ("first.nrrd", "second.nrrd", "recipe.json"))
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(learned.read_bytes())
    to_first = ("--labelMap", first, "--recipeOutput", recipe, "--smoothing", 2)
    assert command("--modelFile", moved, "--query", people.query, *to_first) == 0
    moved = moved.rename(tmp_path / "again.safetensors")
    assert command("--recipe", recipe, "--query", people.query, "--labelMap", second) == 1
    assert command("--recipe", recipe, "--modelFile", moved, "--query", people.query, "--labelMap", second) == 0
    assert (read_image(first).array == read_image(second).array).all()


def test_label_maps_without_names_keep_their_values(command, people, files):
    labels = files["q_labels.nii.gz"]
    assert command("--example", *people.first, "--query", people.query, "--labelMap", labels) == 0
    assert min(dice_of(labels).values()) > 0.8


def test_a_support_set_and_one_structure_of_it(command, people, tmp_path):
    labels = tmp_path / "labels.nrrd"
    manifest = people.folder / "one.support.json"
    write_support_set(manifest, SupportSet("One", "CC0", VALUES, find_examples(people.folder)[:1]))
    options = ("--supports", manifest, "--labels", "kidney", "--query", people.query, "--labelMap", labels)
    assert command(*options) == 0
    manifest.unlink()
    assert set(read_labels(labels).places) == {"label 5"}


def test_a_slice_is_segmented_by_a_slice(command, tmp_path):
    pair, query = (tmp_path / "a.nrrd", tmp_path / "a_labels.nrrd"), tmp_path / "q.nrrd"
    write_scan(pair[0], person(0, (1, 26, 24)))
    write_label_map(pair[1], person(0, (1, 26, 24)), {"liver": 1})
    write_scan(query, person(3, (1, 26, 24)))
    labels = tmp_path / "q_labels.nrrd"
    assert command("--supports", tmp_path, "--query", query, "--labelMap", labels) == 0
    found, drawn = read_image(labels).array > 0, person(3, (1, 26, 24)).masks["liver"].full()
    assert found.shape == (1, 26, 24)
    assert 2 * (found & drawn).sum() / (found.sum() + drawn.sum()) > 0.7


def test_files_that_are_there_are_kept_unless_they_may_be_replaced(command, people, learned, tmp_path, capsys):
    labels = tmp_path / "labels.nrrd"
    labels.write_bytes(b"older")
    line = ("--modelFile", learned, "--query", people.query, "--labelMap", labels)
    assert command(*line) == 1
    assert "'labels.nrrd' is there already." in capsys.readouterr().err
    assert labels.read_bytes() == b"older"
    assert command(*line, "--overwrite") == 0
    assert read_image(labels).array.any()


def test_the_report_for_slicer_holds_what_the_description_promises(promised, command, people, learned, tmp_path):
    report, segments = tmp_path / "report.params", tmp_path / "q.seg.nrrd"
    options = ("--modelFile", learned, "--query", people.query, "--segmentation", segments)
    assert command(*options, "--returnparameterfile", report) == 0
    fields = dict(line.split(" = ") for line in report.read_text().splitlines())
    assert set(fields) == promised
    assert (fields["structures"], fields["usedModel"], fields["failures"]) == ("liver, kidney", "registered", "0")
    assert fields["expectedDice"].startswith(("liver 0.", "liver 1.00"))
    assert float(fields["seconds"]) > 0


def test_structures_look_as_on_the_examples_also_without_them(command, people, tmp_path):
    model, first, second = (tmp_path / name for name in ("m.safetensors", "first.seg.nrrd", "second.seg.nrrd"))
    drawn, kidney = tmp_path / "a.seg.nrrd", SegmentLook((1.0, 0.0, 0.5))
    looks = {"liver": SegmentLook((0.25, 0.5, 0.75), "Anatomy~SCT^10200004^Liver"), "kidney": kidney}
    write_segments(drawn, person(0), looks)
    line = ("--query", people.query, "--segmentation")
    assert command("--example", people.first[0], drawn, *line, first, "--saveModel", model) == 0
    drawn.unlink()
    assert command("--modelFile", model, *line, second) == 0
    assert read_looks(first) == read_looks(second) == looks


WRONG = {
    "nothing": ([], "There is no image to segment. Give --query"),
    "no output": (["--query", "{q}"], "It is not clear where the result goes."),
    "no examples": (["--query", "{q}", "--labelMap", "{out}.nrrd"], "Either examples or a support model are needed."),
    "both": (["{a}", "--modelFile", "{q}", "--query", "{q}", "--labelMap", "{out}.nrrd"], "Either examples or a"),
    "no image": (["{a}", "--query", "none.nrrd", "--labelMap", "{out}.nrrd"], "There is no image file 'none.nrrd'"),
    "no folder": (["{a}", "--query", "{q}", "--labelMap", "none/{out}.nrrd"], "There is no folder 'none"),
    "no seg.nrrd": (["{a}", "--query", "{q}", "--segmentation", "{out}.nrrd"], "is not the name of a segmentation"),
    "no model name": (["{a}", "--saveModel", "{out}.bin"], "is no name for a support model."),
    "no model": (["--modelFile", "{q}", "--query", "{q}", "--labelMap", "{out}.nrrd"], "is cut off or is no support"),
    "no method": (["{a}", "--method", "adaptive", "--saveModel", "{out}.safetensors"], "no model 'adaptive' for this"),
    "best of one file": (
        ["{a}", "--method", "best", "--weights", "{q}", "--saveModel", "{out}.safetensors"],
        "Weights",
    ),
    "several": (["{a}", "--query", "{q}", "--query", "{q}", "--labelMap", "{out}.nrrd"], "Give --outputFolder."),
    "half a pair": (["--support2", "{q}", "--query", "{q}", "--labelMap", "{out}.nrrd"], "Example 2 has only one of"),
    "two sources": (
        ["{a}", "--supports", "{folder}", "--query", "{q}", "--labelMap", "{out}.nrrd"],
        "as a support set",
    ),
    "recipe alone": (
        ["{a}", "--query", "{q}", "--labelMap", "{out}.nrrd", "--recipeOutput", "{out}.json"],
        "A recipe needs a support model that is kept. Give --saveModel too.",
    ),
    "threshold": (["{a}", "--threshold", "1.5", "--query", "{q}", "--labelMap", "{out}.nrrd"], "The threshold is 1.5."),
    "unknown structure": (
        ["--modelFile", "{model}", "--labels", "spleen=3", "--query", "{q}", "--labelMap", "{out}.nrrd"],
        "There is no structure 'spleen'. Choose from: liver, kidney.",
    ),
    "one value for two": (
        ["--modelFile", "{model}", "--labels", "liver=3,kidney=3", "--query", "{q}", "--labelMap", "{out}.nrrd"],
        "Two structures have one value",
    ),
    "method of a model": (
        ["--modelFile", "{model}", "--method", "prototypes", "--query", "{q}", "--labelMap", "{out}.nrrd"],
        "--method is about learning, but a support model has learned already.",
    ),
    "seed of a model": (
        ["--modelFile", "{model}", "--seed", "7", "--query", "{q}", "--labelMap", "{out}.nrrd"],
        "--seed is about learning",
    ),
    "model of a model": (["--modelFile", "{model}", "--saveModel", "{out}.safetensors"], "--saveModel is about"),
    "part of a model": (
        ["--modelFile", "{model}", "--labels", "liver", "--query", "{q}", "--labelMap", "{out}.nrrd"],
        "'liver' has no value: a support model segments all that it has learned.",
    ),
    "label missing": (
        ["{a}", "--labels", "liver=1,spleen=9", "--query", "{q}", "--labelMap", "{out}.nrrd"],
        "The example 'example 1' does not show 'spleen': 'a_labels.nii.gz' has no voxel of the value 9.",
    ),
    "other grid": (
        ["--example", "{q}", "{shifted}", "--query", "{q}", "--labelMap", "{out}.nrrd"],
        "In the example 'example 1' the labels 'shifted.nrrd' do not lie on 'q.nii.gz'.",
    ),
}


@pytest.mark.usefixtures("no_learning")
@pytest.mark.parametrize("case", sorted(set(WRONG) - {"no method", "no model name"}))
def test_what_is_wrong_is_said_before_anything_is_learned_or_written(case, command, people, learned, tmp_path, capsys):
    assert_is_refused(case, command, people, learned, tmp_path, capsys)


@pytest.mark.parametrize("case", ["no method", "no model name"])
def test_what_the_engine_refuses_is_said(case, command, people, learned, tmp_path, capsys):
    assert_is_refused(case, command, people, learned, tmp_path, capsys)


def assert_is_refused(case, command, people, learned, tmp_path, capsys):
    arguments, said = WRONG[case]
    shifted = sitk.ReadImage(str(people.first[1]))
    shifted.SetOrigin((1, 2, 3))
    other = tmp_path / "other"
    other.mkdir()
    sitk.WriteImage(shifted, str(other / "shifted.nrrd"))
    places = {"q": people.query, "out": tmp_path / "out", "folder": people.folder, "model": learned}
    places["shifted"] = other / "shifted.nrrd"
    line = [part.format(a="{a}", **places) for part in arguments]
    if "{a}" in line:
        line[:1] = ["--example", *people.first]
    capsys.readouterr()
    assert command(*line) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["other"]


@pytest.mark.usefixtures("no_learning")
def test_a_recipe_of_prompts_is_sent_to_the_command_for_prompts(command, people, tmp_path, capsys):
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(task_to_dict(PromptTask(()))))
    assert command("--recipe", recipe, "--query", people.query, "--labelMap", tmp_path / "labels.nrrd") == 1
    assert "'recipe.json' is of a result that was prompted. Run it with MedSegAIPrompt." in capsys.readouterr().err


def test_help_and_version(process):
    assert "--example IMAGE LABELS" in process("--help").stdout
    assert process("--version").stdout.strip() == __version__


def test_every_example_of_the_description_has_a_volume_and_a_label_map(script):
    inputs = inputs_of(script)
    for slot in range(1, 6):
        assert inputs[f"support{slot}"].get("type") is None
        assert inputs[f"supportLabels{slot}"].get("type") == "label"
