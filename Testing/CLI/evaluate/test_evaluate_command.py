"""The command that measures, as a user types it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import SimpleITK as sitk
from Core.evaluation.report.test_tables import evaluation_of, four_cases
from fakes.ball_set import GEOMETRY, label_map, write_array, write_ball_set
from MedSegAICore import __version__
from MedSegAICore.evaluation.report.results import read_results
from MedSegAICore.geometry import VolumeGeometry


def dice_of(folder):
    return {(r.item.subject, r.item.label): r.values["dice"] for r in read_results(folder / "results.json").records}


def test_two_segmentations_are_compared(tmp_path, files, process):
    out, report, errors = tmp_path / "out", tmp_path / "report.params", tmp_path / "errors.nrrd"
    options = ("--labels", "liver=1,spleen=2", "--errorMap", errors, "--returnparameterfile", report)
    finished = process(out, "--prediction", files[0], "--reference", files[1], *options)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    progress = [float(value) for value in re.findall(r"<filter-progress>(.*?)</filter-progress>", finished.stdout)]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert finished.stdout.startswith("<filter-start>")
    assert finished.stdout.rstrip().endswith("</filter-end>")
    assert dice_of(out) == {("truth", "liver"): 0.75, ("truth", "spleen"): 1.0}
    assert "cases = 2\nfailures = 0\nmean = 0.8750\n" in report.read_text()
    written = {file.name for file in out.iterdir()}
    assert written == {
        "cases.csv", "cases.png", "errors", "records.jsonl", "results.json", "table.md", "volumes.png",
    }  # fmt: skip
    shown = sitk.GetArrayFromImage(sitk.ReadImage(str(errors)))
    assert [np.count_nonzero(shown == value) for value in (1, 2, 3)] == [48 + 18, 16, 16]


def test_a_folder_is_compared_and_what_does_not_match_is_named(tmp_path, folders, command, capsys):
    out = tmp_path / "out"
    assert command(out, "--predictions", folders[0], "--references", folders[1], "--name", "mine") == 0
    said = capsys.readouterr().out
    assert "Warning: Predictions without a reference are left out: stray.nrrd." in said
    assert "Warning: There is no prediction for 'case_2.nii.gz'." in said
    assert dice_of(out)["case_2", "label 1"] == 0
    assert "| mine   | label 1 | 3 | 3        | 1        | 0.583 (" in (out / "table.md").read_text()


def test_a_model_is_evaluated_and_the_same_command_asks_nothing_again(tmp_path, command, module, monkeypatch):
    out, described = tmp_path / "out", write_ball_set(tmp_path / "balls")
    line = (out, "--models", "adaptive", "--datasets", described, "--clicks", 2, "--device", "cpu", "--worst", 1)
    assert command(*line) == 0
    first = dice_of(out)
    assert set(first) == {("p0", "ball"), ("p1", "ball")}
    assert all(value > 0.8 for value in first.values())
    assert (out / "clicks.png").exists()
    answered = []
    monkeypatch.setattr(module.Engine, "segment", lambda *_: answered.append(1) or 1 / 0)
    assert command(*line[:-1], 0) == 0
    assert dice_of(out) == first
    assert not answered


def rows_of(folder):
    """Return the cells of the tables of means and of differences, headers included."""
    lines = [line for line in (folder / "table.md").read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    starts = [number for number, row in enumerate(cells) if row[0] in ("method", "first")]
    return cells[starts[0] : starts[1]], cells[starts[1] : starts[2]]


def test_methods_learn_from_examples_and_the_numbers_of_them_show_in_the_table(tmp_path, command):
    out, described = tmp_path / "out", write_ball_set(tmp_path / "balls", 5)
    line = (out, "--protocol", "in-context", "--supports", "1,4", "--deranged", "--datasets", described, "--worst", 2)
    assert command(*line, "--models", "mean-mask,first-mask") == 0
    summary, differences = rows_of(out)
    assert summary[0][:5] == ["method", "condition", "label", "n", "subjects"]
    conditions = ["1 support", "4 supports", "4 supports, masks deranged"]
    assert [row[:5] for row in summary[2:]] == [
        [method, condition, "ball", "5", "5"] for method in ("mean-mask", "first-mask") for condition in conditions
    ]
    dice = {tuple(row[:2]): row[6] for row in summary[2:]}
    assert dice["mean-mask", "4 supports"] == dice["mean-mask", "4 supports, masks deranged"]  # it sees no image
    paired = {row[2]: row for row in differences if row[4] == "Dice"}
    assert list(paired) == conditions
    assert re.fullmatch(r"-?0\.\d{3} \(-?0\.\d{3} to -?0\.\d{3}\)", paired["4 supports"][5])
    assert paired["1 support"][5:9] == ["0.000 (0.000 to 0.000)", "0.500", "5", "5"]  # one example has one mask
    assert {file.name for file in out.iterdir()} >= {"cases.png", "volumes.png", "errors"}
    assert all("support" in file.name for file in (out / "errors").iterdir())


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        ("roy", "Roy, 3 slices, extent known"),
        ("ouyang1", "Ouyang, setting 1, 3 groups, extent known"),
        ("ouyang2", "Ouyang, setting 2, 3 groups, extent known"),
        ("full-volume", "ADNet, full volume, centre slice of the support"),
    ],
)
def test_every_few_shot_scheme_can_be_chosen(tmp_path, command, scheme, name):
    out, described = tmp_path / "out", write_ball_set(tmp_path / "balls", 4)
    line = (out, "--protocol", "few-shot", "--scheme", scheme, "--slices", 3, "--datasets", described, "--worst", 1)
    assert command(*line, "--models", "mean-mask", "--most", 2) == 0
    found = read_results(out / "results.json")
    assert found.protocol == name
    assert len({record.item.subject for record in found.records}) == len(found.records) == 2
    assert {record.item.condition for record in found.records} == {"1 support"}
    assert all(record.values["dice"] > 0.3 for record in found.records)
    (error_map,) = (out / "errors").iterdir()
    shown = sitk.GetArrayFromImage(sitk.ReadImage(str(error_map)))
    worst = min(record.values["dice"] for record in found.records)
    overlap = 2 * (shown == 1).sum() / (2 * (shown == 1).sum() + (shown > 1).sum())
    assert overlap == pytest.approx(worst)


def test_a_model_is_compared_with_raters(tmp_path, command):
    out, described = tmp_path / "out", write_ball_set(tmp_path / "balls", 1)
    line = (out, "--protocol", "raters", "--models", "adaptive", "--datasets", described, "--device", "cpu")
    assert command(*line, "--prompt", "point") == 0
    found = read_results(out / "results.json")
    assert found.protocol == "Raters, one point"
    assert found.records[0].values["best_dice"] > 0.8
    assert "GED^2" in (out / "table.md").read_text()


def test_rule_jitter_and_draws_of_the_clicks_can_be_chosen(tmp_path, command):
    out, described = tmp_path / "out", write_ball_set(tmp_path / "balls", 1)
    line = (out, "--models", "adaptive", "--datasets", described, "--device", "cpu", "--clicks", 2, "--noBox")
    assert command(*line, "--rule", "largest", "--jitter", 0.5, "--draws", 2, "--worst", 1) == 0
    found = read_results(out / "results.json")
    assert found.protocol == "Interactive: 2 clicks at the largest error, jitter 0.5"
    assert [record.item.variant for record in found.records] == ["draw 1", "draw 2"]


def test_a_run_does_not_go_on_after_an_image_was_changed(tmp_path, command, capsys):
    out, described = tmp_path / "out", write_ball_set(tmp_path / "balls", 3)
    line = (out, "--protocol", "in-context", "--supports", 1, "--datasets", described, "--models", "mean-mask")
    assert command(*line) == 0
    assert command(*line) == 0
    image = tmp_path / "balls" / "p1.nrrd"
    changed = bytearray(image.read_bytes())
    changed[-1] ^= 1  # of the same size and name
    image.write_bytes(changed)
    capsys.readouterr()
    assert command(*line) == 1
    assert "belongs to a run with another Data sets" in capsys.readouterr().err


def test_a_comparison_is_made_anew_each_time(tmp_path, files, command):
    out = tmp_path / "out"
    line = (out, "--prediction", files[0], "--reference", files[1])
    assert command(*line) == 0
    write_array(files[0], label_map())
    assert command(*line) == 0
    assert set(dice_of(out).values()) == {1.0}


def test_an_earlier_run_is_compared(tmp_path, files, command):
    assert command(tmp_path / "before", "--prediction", files[0], "--reference", files[1]) == 0
    earlier = tmp_path / "before" / "results.json"
    reference = ("--reference", files[1], "--earlier", earlier)
    assert command(tmp_path / "now", "--prediction", files[1], *reference, "--name", "better") == 0
    assert "prediction (earlier)" in (tmp_path / "now" / "table.md").read_text()


@pytest.mark.parametrize("resample", [False, True])
def test_another_grid_is_refused_with_what_to_do_or_resampled(tmp_path, files, command, capsys, resample):
    shifted = VolumeGeometry.from_components(GEOMETRY.shape, (1, 1, 2), (-10.4, 20, 30))
    mine = write_array(tmp_path / "shifted.nrrd", label_map(), shifted)
    options = ["--resample"] if resample else []
    assert command(tmp_path / "out", "--prediction", mine, "--reference", files[1], *options) == (0 if resample else 1)
    said = capsys.readouterr()
    if resample:
        assert dice_of(tmp_path / "out")["truth", "label 1"] == 1.0
    else:
        assert "'shifted.nrrd' and its reference lie on different grids" in said.err
        assert "--resample" in said.err
        assert said.err.count("\n") == 1
        assert not (tmp_path / "out").exists()


EXAMPLES = ("--models", "mean-mask", "--datasets", "{balls}")

BAD_OPTIONS = {
    "nothing": ([], "not clear what to evaluate"),
    "two at once": (["--prediction", "{mine}", "--reference", "{truth}", "--models", "adaptive"], "not clear"),
    "one file": (["--prediction", "{mine}"], "Give both --prediction and --reference"),
    "one folder": (["--references", "{folder}"], "Give both --predictions and --references"),
    "no such file": (["--prediction", "none.nrrd", "--reference", "{truth}"], "There is no file 'none.nrrd'"),
    "no such folder": (["--predictions", "none", "--references", "{folder}"], "There is no folder 'none'"),
    "models without data": (["--models", "adaptive"], "No data set is chosen"),
    "data without models": (["--datasets", "{folder}/none.json"], "no description 'none.json'"),
    "unknown data": (["--models", "adaptive", "--datasets", "nonesuch"], "not said where the files"),
    "labels": (["--prediction", "{mine}", "--reference", "{truth}", "--labels", "liver="], "'liver=' cannot be read"),
    "weights": (["--models", "adaptive", "--datasets", "x", "--weights", "y"], "not said where|weights 'y'"),
    "no number": (["--protocol", "few-shot", "--supports", "1,x", *EXAMPLES], "'x' is no number of examples"),
    "one to exchange": (
        ["--protocol", "in-context", "--supports", "1", "--deranged", *EXAMPLES],
        "numbers of supports are 1",
    ),
    "too many examples": (
        ["--protocol", "in-context", *EXAMPLES],
        "shows 'ball' in 1 people other than 'p0'. Choose fewer than 4 examples",
    ),
    "a model for clicks": (
        ["--protocol", "few-shot", "--models", "adaptive", "--datasets", "{balls}"],
        "no model 'adaptive' that takes examples. Choose some of: mean-mask, first-mask",
    ),
    "most": (["--most", "-1", *EXAMPLES], "-1 subjects cannot"),
    "jitter": (["--jitter", "1", *EXAMPLES], "jitter of clicks is 1"),
    "tolerance": (["--prediction", "{mine}", "--reference", "{truth}", "--tolerance", "0"], "tolerance is 0"),
    "an image": (["--prediction", "{mine}", "--reference", "{noise}"], "not whole numbers"),
    "earlier": (
        ["--prediction", "{mine}", "--reference", "{truth}", "--earlier", "{mine}"],
        "does not hold the results",
    ),
    "error map": (["--predictions", "{folder}", "--references", "{folder}", "--errorMap", "x.nrrd"], "One error map"),
}


@pytest.mark.parametrize(("options", "complaint"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_is_written(
    tmp_path, files, command, capsys, options, complaint
):
    noise = write_array(tmp_path / "noise.nrrd", np.random.default_rng(0).random(GEOMETRY.shape, np.float32))
    balls = write_ball_set(tmp_path / "balls")
    names = {"mine": files[0], "truth": files[1], "folder": tmp_path, "noise": noise, "balls": balls}
    before = sorted(tmp_path.iterdir())
    assert command(tmp_path / "out", *[option.format(**names) for option in options]) == 1
    said = capsys.readouterr().err
    assert re.search(complaint, said), said
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("option", "said"), [("--help", "examples:"), ("--version", __version__)])
def test_help_and_version_are_printed(command, capsys, option, said):
    with pytest.raises(SystemExit, match="0"):
        command(option)
    assert said in capsys.readouterr().out


def test_the_report_holds_what_the_description_promises(promised, module):
    text = module.report_text(evaluation_of(*four_cases()), ["One.", "Two\nlines."])
    values = dict(line.split(" = ") for line in text.splitlines())
    assert set(values) == promised
    assert values == {"cases": "4", "failures": "0", "mean": "0.5500", "warnings": "One. Two lines."}
