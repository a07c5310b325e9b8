"""The command as a user types it."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pytest
import SimpleITK as sitk
from CLI.conftest import CENTER, started
from MedSegAICore import __version__
from MedSegAICore.images import image_from_array, read_image
from MedSegAICore.models.prompt_default import default_prompt_model
from MedSegAICore.recipe import Recipe, task_to_dict
from MedSegAICore.request import FewShotTask

OUTSIDE = CENTER + np.array([(14, 0, 0), (-14, 0, 0), (0, 14, 0)])


def voxels(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_points_inside_and_outside_give_the_organ(scan, process):
    labels, recipe = scan.folder / "labels.nrrd", scan.folder / "recipe.json"
    inside, outside = scan.points("inside", CENTER), scan.points("outside", *OUTSIDE)
    options = ("--labelValue", 7, "--largestIsland", "--recipeOutput", recipe)
    finished = process(scan.image, labels, "--positive", inside, "--negative", outside, *options)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert scan.dice(labels) > 0.8
    assert set(np.unique(voxels(labels))) == {0, 7}
    assert read_image(labels).geometry.matches(scan.geometry)
    progress = [float(value) for value in re.findall(r"<filter-progress>(.*?)</filter-progress>", finished.stdout)]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert finished.stdout.startswith("<filter-start>")
    assert finished.stdout.rstrip().endswith("</filter-end>")
    assert Recipe.from_json(recipe.read_text()).task.clean_up.largest_island


def test_a_recipe_replays_bit_for_bit(scan, process):
    first, second, recipe = (scan.folder / name for name in ("first.nrrd", "second.nrrd", "recipe.json"))
    inside = scan.points("inside", CENTER)
    made = process(scan.image, first, "--positive", inside, "--smoothing", 1.5, "--recipeOutput", recipe)
    assert made.returncode == 0, made.stderr
    replayed = process(scan.image, second, "--recipe", recipe)
    assert replayed.returncode == 0, replayed.stderr
    assert "Warning" not in replayed.stdout
    assert voxels(first).any()
    np.testing.assert_array_equal(voxels(first), voxels(second))


def test_a_recipe_on_another_image_says_so(scan, command, capsys):
    recipe = scan.folder / "recipe.json"
    labels = scan.folder / "labels.nrrd"
    assert command(scan.image, labels, "--positive", scan.points("inside", CENTER), "--recipeOutput", recipe) == 0
    values = json.loads(recipe.read_text())
    values["image_fingerprint"], values["versions"]["numpy"] = "other", "0.1"
    recipe.write_text(json.dumps(values))
    capsys.readouterr()
    assert command(scan.image, labels, "--recipe", recipe) == 0
    printed = capsys.readouterr().out
    assert "Warning: The recipe was made on another image." in printed
    assert "Warning: The recipe was made with other versions of: numpy." in printed


def test_a_recipe_of_examples_is_sent_to_the_command_for_examples(scan, command, capsys):
    recipe = scan.folder / "recipe.json"
    recipe.write_text(json.dumps(task_to_dict(FewShotTask(scan.folder / "organs.safetensors"))))
    assert command(scan.image, scan.folder / "labels.nrrd", "--recipe", recipe) == 1
    said = capsys.readouterr().err
    assert said == (
        "The recipe 'recipe.json' is of a result that was learned from examples. Run it with MedSegAIFewShot.\n"
    )


def test_a_task_alone_is_a_recipe_too(scan, command):
    recipe, first, second = (scan.folder / name for name in ("recipe.json", "first.nrrd", "second.nrrd"))
    assert command(scan.image, first, "--positive", scan.points("inside", CENTER), "--recipeOutput", recipe) == 0
    task = scan.folder / "task.json"
    task.write_text(json.dumps(json.loads(recipe.read_text())["task"]))
    assert command(scan.image, second, "--recipe", task) == 0
    np.testing.assert_array_equal(voxels(first), voxels(second))


def test_a_region_and_a_saved_roi_are_the_same_box(scan, command):
    first, second = scan.folder / "first.nrrd", scan.folder / "second.nrrd"
    upright = [-1, 0, 0, 0, -1, 0, 0, 0, 1]
    center = (CENTER * (-1, -1, 1)).tolist()
    roi = scan.markups("roi", "ROI", CENTER, center=center, orientation=upright, size=[20, 20, 20])
    assert command(scan.image, first, "--box", roi) == 0
    assert command(scan.image, second, "--region", "-5,-12,40,10,10,10") == 0
    np.testing.assert_array_equal(voxels(first), voxels(second))
    assert scan.dice(first) > 0.8


def test_numbers_that_start_with_a_minus_sign_are_numbers(module):
    line = ["a", "b", "--region", "-5,1,2,3,4,5", "--window", "-160,240", "--range", "-1,0,0,1,0,0"]
    options = module.parser().parse_args(module.joined(line, module.LISTS))
    assert options.region == [[-5, 1, 2, 3, 4, 5]]
    assert options.window == [-160, 240]
    assert options.range == [-1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(("scope", "axis"), [("axial", 0), ("coronal", 1), ("sagittal", 2)])
def test_one_slice_is_segmented_where_the_first_prompt_lies(scan, command, scope, axis):
    labels = scan.folder / "labels.nrrd"
    assert command(scan.image, labels, "--positive", scan.points("inside", CENTER), "--scope", scope) == 0
    used = np.flatnonzero(voxels(labels).any(axis=tuple(other for other in range(3) if other != axis)))
    assert used.tolist() == [scan.geometry.voxels_at(CENTER)[0][axis]]


def test_a_mask_is_a_first_guess(scan, command):
    labels, guess = scan.folder / "labels.nrrd", scan.folder / "guess.nrrd"
    sitk.WriteImage(image_from_array(scan.organ.astype(np.uint8), scan.geometry), str(guess))
    assert command(scan.image, labels, "--mask", guess) == 0
    assert scan.dice(labels) > 0.8


def test_the_report_names_voxels_volume_model_time_and_warnings(scan, command):
    report, labels = scan.folder / "report.params", scan.folder / "labels.nrrd"
    inside = scan.points("inside", CENTER)
    assert command(scan.image, labels, "--positive", inside, "--returnparameterfile", report) == 0
    values = dict(re.findall(r"(.*?) = (.*)", report.read_text()))
    count = np.count_nonzero(voxels(labels))
    assert int(values["voxels"]) == count
    assert float(values["volumeMl"]) == pytest.approx(count * 1 * 1 * 2 / 1000, rel=1e-5)  # voxels of 1 x 1 x 2 mm
    assert values["usedModel"] == default_prompt_model()
    assert 0 < float(values["seconds"]) < 60
    assert "warnings" in values


def test_the_report_holds_what_the_description_promises(promised, scan, command):
    report, inside = scan.folder / "report.params", scan.points("inside", CENTER)
    options = ("--positive", inside, "--scope", "axial", "--returnparameterfile", report)
    assert command(scan.image, scan.folder / "labels.nrrd", *options) == 0
    assert {line.split(" = ")[0] for line in report.read_text().splitlines()} == promised


def slices_of(scan, *indices):
    """Return a position in the middle of each of some slices."""
    ijk = np.array([(scan.geometry.shape[2] / 2, scan.geometry.shape[1] / 2, index) for index in indices])
    return scan.geometry.to_ras(ijk)


def test_a_range_ends_the_result_at_its_slices_as_numbers_points_or_a_line(scan, command):
    middle = int(scan.geometry.voxels_at(CENTER)[0][0])
    ends = slices_of(scan, middle + 1, middle - 2)
    given = {
        "numbers": ("--range", ",".join(str(number) for number in ends.ravel())),
        "points": ("--rangePoints", scan.points("ends", *ends)),
        "line": ("--rangePoints", scan.markups("line", "Line", *ends)),
    }
    inside, found = scan.points("inside", CENTER), {}
    for name, options in given.items():
        labels = scan.folder / f"{name}.nrrd"
        assert command(scan.image, labels, "--positive", inside, "--direction", "axial", *options) == 0
        found[name] = voxels(labels)
    used = np.flatnonzero(found["numbers"].any(axis=(1, 2)))
    assert used.tolist() == list(range(middle - 2, middle + 2))
    np.testing.assert_array_equal(found["points"], found["numbers"])
    np.testing.assert_array_equal(found["line"], found["numbers"])


def test_method_direction_and_fused_axes_reach_the_recipe(scan, command):
    recipe, labels = scan.folder / "recipe.json", scan.folder / "labels.nrrd"
    options = ("--method", "slices", "--direction", "coronal", "--fuseAxes", "--recipeOutput", recipe)
    assert command(scan.image, labels, "--positive", scan.points("inside", CENTER), *options) == 0
    scope = Recipe.from_json(recipe.read_text()).task.scope
    assert (scope.method, scope.direction, scope.fuse_axes, scope.range_ras) == ("slices", "coronal", True, None)
    assert scan.dice(labels) > 0.8


BAD_OPTIONS = {
    "nothing is prompted": ([], "No prompt says what is inside."),
    "only negative": (["--negative", "{inside}"], "No prompt says what is inside."),
    "outside the image": (["--positive", "{far}"], "lies outside the image"),
    "missing markups": (["--positive", "none.mrk.json"], "'none.mrk.json' cannot be read"),
    "markups are an image": (["--positive", "{image}"], "not a complete markups file"),
    "unknown model": (["--positive", "{inside}", "--model", "nonesuch"], "no model 'nonesuch'"),
    "weights are missing": (["--positive", "{inside}", "--model", "sam_vit_b", "--weights", "none.pth"], "none.pth"),
    "empty window": (["--positive", "{inside}", "--window", "5,5"], "window from 5.0 to 5.0"),
    "half a window": (["--positive", "{inside}", "--window", "5"], "A window needs two numbers"),
    "threshold": (["--positive", "{inside}", "--threshold", "1.5"], "threshold is 1.5"),
    "smoothing": (["--positive", "{inside}", "--smoothing", "-1"], "smoothing is -1.0 mm"),
    "label value": (["--positive", "{inside}", "--labelValue", "0"], "label value is 0"),
    "half a region": (["--region", "1,2,3"], "A region needs six numbers"),
    "half a range": (["--positive", "{inside}", "--range", "1,2,3"], "A range needs two positions"),
    "one range point": (["--positive", "{inside}", "--rangePoints", "{inside}"], "A range needs two positions"),
    "range twice": (["--positive", "{inside}", "--range", "1,2,3,4,5,6", "--rangePoints", "{inside}"], "given twice"),
    "range outside": (["--positive", "{inside}", "--range", "0,0,900,0,0,950"], "range lies outside"),
    "direction of a slice": (["--positive", "{inside}", "--scope", "axial", "--fuseAxes"], "not for one slice"),
    "mask on another grid": (["--mask", "{other}"], "another grid"),
    "recipe is missing": (["--recipe", "none.json"], "'none.json' cannot be read"),
    "recipe is no recipe": (["--recipe", "{inside}"], "recipe"),
    "recipe is no text": (["--recipe", "{image}"], "cannot be read"),
}


@pytest.mark.parametrize(("options", "complaint"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_is_written(scan, command, capsys, options, complaint):
    other = scan.folder / "other.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((3, 4, 5), np.uint8)), str(other))
    names = {
        "inside": scan.points("inside", CENTER),
        "far": scan.points("far", (999, 0, 0)),
        "image": scan.image,
        "other": other,
    }
    before = sorted(scan.folder.iterdir())
    labels = scan.folder / "labels.nrrd"
    assert command(scan.image, labels, *[option.format(**names) for option in options]) == 1
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert sorted(scan.folder.iterdir()) == before


def test_an_image_that_cannot_be_read_is_said(scan, command, capsys):
    assert command(scan.folder / "none.nrrd", scan.folder / "labels.nrrd") == 1
    assert "There is no image file" in capsys.readouterr().err


def test_a_folder_that_does_not_exist_is_said(scan, command, capsys):
    labels = scan.folder / "missing" / "labels.nrrd"
    assert command(scan.image, labels, "--positive", scan.points("inside", CENTER)) == 1
    assert "There is no folder" in capsys.readouterr().err


def test_a_surprise_becomes_one_sentence(scan, command, module, capsys, monkeypatch):
    def surprise(*_):
        message = "division by zero\nand more"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(module, "read_image", surprise)
    assert command(scan.image, scan.folder / "labels.nrrd") == 1
    said = capsys.readouterr().err
    assert "Something unexpected happened (ZeroDivisionError: division by zero)" in said
    assert said.count("\n") == 1


def test_verbose_shows_where_an_error_arose(scan, command, capsys):
    assert command(scan.folder / "none.nrrd", scan.folder / "labels.nrrd", "--verbose") == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "in read_image" in said


def test_help_and_version_are_printed(process):
    shown = process("--help")
    assert shown.returncode == 0
    assert "examples:" in shown.stdout
    assert process("--version").stdout.strip() == __version__


def test_a_killed_run_leaves_no_partial_output(scan, script):
    inside, labels = scan.points("inside", CENTER), scan.folder / "labels.nrrd"
    for seconds in (0.0, 0.1, 0.3, 0.6):
        running = started(script, scan.image, labels, "--positive", inside)
        time.sleep(seconds)
        running.kill()
        running.communicate(timeout=60)
        if labels.exists():
            assert read_image(labels).geometry.matches(scan.geometry)
            labels.unlink()
