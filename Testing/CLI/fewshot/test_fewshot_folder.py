"""The command that learns from examples, for many images: one row each, failures named, and the same again goes on."""

from __future__ import annotations

import csv
import shutil

import pytest
from CLI.fewshot.conftest import dice_of
from fakes.people import person
from fakes.people_files import write_scan
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.fewshot import folder_run
from MedSegAICore.images import read_image
from MedSegAICore.label_files import read_labels

LABELS = ("--labels", "liver=1,kidney=5")


@pytest.fixture
def queries(people, tmp_path):
    """Two images, one that was cut off, and a label map that is no image to segment."""
    folder = tmp_path / "queries"
    folder.mkdir()
    shutil.copy(people.query, folder / "q.nii.gz")
    write_scan(folder / "r.nrrd", person(2))
    whole = people.query.read_bytes()
    (folder / "broken.nii.gz").write_bytes(whole[: len(whole) // 2])
    shutil.copy(people.first[1], folder / "q_labels.nii.gz")
    return folder


@pytest.fixture
def segmented(monkeypatch):
    """Names of the shapes that were segmented, in place of a clock."""
    asked = []
    segment = Engine.segment

    def counting(self, request, *more):
        asked.append(request.image.fingerprint)
        return segment(self, request, *more)

    monkeypatch.setattr(Engine, "segment", counting)
    return asked


def rows_of(folder):
    with (folder / "results.csv").open(newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


@pytest.mark.usefixtures("no_learning")
def test_a_broken_image_is_a_row_and_the_rest_goes_on(command, learned, queries, segmented, tmp_path, capsys):
    out, report = tmp_path / "out", tmp_path / "report.params"
    line = ("--modelFile", learned, *LABELS, "--queries", queries, "--outputFolder", out)
    assert command(*line, "--returnparameterfile", report) == 1
    printed = capsys.readouterr()
    assert printed.err == (
        "1 of 3 images could not be segmented, such as 'broken'. "
        "The others are done; 'results.csv' says why for each.\n"
    )
    assert "3 images: 2 segmented, 0 kept, 1 failed." in printed.out
    assert "failures = 1" in report.read_text()
    rows = rows_of(out)
    assert {name: row["status"] for name, row in rows.items()} == {
        "broken": "failed",
        "q": "segmented",
        "r": "segmented",
    }
    assert "'broken.nii.gz' is shorter than its header says" in rows["broken"]["note"]
    assert 0 < float(rows["q"]["liver expected Dice"]) <= 1
    assert float(rows["q"]["kidney ml"]) > 0
    assert min(dice_of(out / "q_labels.nii.gz").values()) > 0.8
    assert list(read_labels(out / "r.seg.nrrd").places) == ["liver", "kidney"]
    assert len(segmented) == 2
    assert not list(out.glob("broken*"))

    write_scan(queries / "broken.nii.gz", person(1))
    before = (out / "q_labels.nii.gz").stat().st_mtime_ns
    assert command(*line) == 0
    again = rows_of(out)
    assert {name: row["status"] for name, row in again.items()} == {"broken": "segmented", "q": "kept", "r": "kept"}
    assert again["q"]["liver expected Dice"] == rows["q"]["liver expected Dice"]
    assert (out / "q_labels.nii.gz").stat().st_mtime_ns == before
    assert len(segmented) == 3

    assert command(*line, "--threshold", "0.4") == 1
    assert "made with another support model or other settings" in rows_of(out)["q"]["note"]
    assert len(segmented) == 3


def test_the_same_again_goes_on_without_learning_and_other_examples_are_refused(
    command, people, tmp_path, monkeypatch, segmented, capsys
):
    out = tmp_path / "out"
    line = ("--query", people.query, "--outputFolder", out)
    assert command("--example", *people.first, *line) == 0
    assert min(dice_of(out / "q_labels.nii.gz").values()) > 0.8
    assert read_image(out / "q_labels.nii.gz").geometry.matches(person(3).image.geometry)
    monkeypatch.setattr(Engine, "fit", lambda *_: pytest.fail("nothing should be learned here"))
    assert command("--example", *people.first, *line) == 0
    assert rows_of(out)["q"]["status"] == "kept"
    assert len(segmented) == 1
    capsys.readouterr()
    assert command("--example", *people.second, *line) == 1
    assert "holds results of other examples or of another method. Choose another folder" in capsys.readouterr().err
    (out / "learned.json").write_text("{")
    assert command("--example", *people.first, *line) == 1
    assert "'learned.json'" in capsys.readouterr().err


@pytest.mark.usefixtures("no_learning")
def test_a_support_model_that_lies_in_the_folder_already_is_not_replaced(command, people, learned, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    foreign = out / "support_model.safetensors"
    shutil.copy(learned, foreign)
    before = foreign.read_bytes()
    assert command("--example", *people.first, "--query", people.query, "--outputFolder", out) == 1
    assert "is there already, and was not learned here like that." in capsys.readouterr().err
    assert foreign.read_bytes() == before
    assert command("--modelFile", foreign, "--query", people.query, "--outputFolder", out) == 0


@pytest.mark.usefixtures("no_learning")
def test_a_stopped_run_goes_on_where_it_was(module, learned, queries, segmented, tmp_path, capsys):
    out, token = tmp_path / "out", CancelToken()
    (queries / "broken.nii.gz").unlink()
    line = [str(part) for part in ("--modelFile", learned, "--queries", queries, "--outputFolder", out)]
    original = module.segment_images

    def stopped(job, images, run):
        def progress(fraction, message):
            if message.startswith("r "):
                token.cancel()
            run.progress(fraction, message)

        return original(job, images, type(run)(progress, run.cancel))

    module.segment_images = stopped
    try:
        assert module.main(line, token) == 1
    finally:
        module.segment_images = original
    assert capsys.readouterr().err.startswith("The run was cancelled.")
    assert list(rows_of(out)) == ["q"]
    assert not list(out.glob("r*labels*"))
    assert module.main(line, CancelToken()) == 0
    assert {name: row["status"] for name, row in rows_of(out).items()} == {"q": "kept", "r": "segmented"}


@pytest.mark.usefixtures("no_learning")
def test_a_stopped_replacement_leaves_no_older_label_map_that_a_later_run_would_keep(
    command, people, learned, segmented, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    line = ("--modelFile", learned, "--query", people.query, "--outputFolder", out)
    assert command(*line) == 0
    with monkeypatch.context() as stopped:
        stopped.setattr(folder_run, "write_label_map", lambda *_: pytest.fail("stopped"))
        with pytest.raises(pytest.fail.Exception):
            command(*line, "--overwrite", "--threshold", "0.4")
    assert not (out / "q_labels.nii.gz").exists()
    assert command(*line, "--threshold", "0.4") == 0
    assert len(segmented) == 3


WRONG = {
    "empty folder": (["--queries", "{empty}", "--outputFolder", "{out}"], "holds no image."),
    "no folder": (["--queries", "{empty}/none", "--outputFolder", "{out}"], "There is no folder"),
    "no output": (["--queries", "{queries}"], "Several images need a folder"),
    "no image": (["--outputFolder", "{out}"], "There is no image to segment. Give --queries"),
    "one file": (["--queries", "{queries}", "--outputFolder", "{out}", "--labelMap", "{out}.nrrd"], "One file cannot"),
    "own model": (["--queries", "{queries}", "--outputFolder", "{out}", "--saveModel", "{out}.bin"], "lies in their"),
    "one name": (["--query", "{q}", "--queries", "{queries}", "--outputFolder", "{out}"], "Two images are called 'q'."),
}


@pytest.mark.usefixtures("no_learning")
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_and_nothing_is_written(case, command, people, learned, queries, tmp_path, capsys):
    arguments, said = WRONG[case]
    (tmp_path / "empty").mkdir()
    places = {"empty": tmp_path / "empty", "out": tmp_path / "out", "queries": queries, "q": people.query}
    assert command("--modelFile", learned, *(part.format(**places) for part in arguments)) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
