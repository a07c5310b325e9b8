"""The command for cohorts, as a person or a script calls it."""

from __future__ import annotations

import csv
import re
import shutil

import pytest
from Core.cohort.conftest import results_of, write_ball
from MedSegAICore.images import read_image
from MedSegAICore.label_files import read_labels

FORMATS = ("--formats", "seg.nrrd, nii.gz")


def reported(file):
    return dict(row.split(" = ", 1) for row in file.read_text().splitlines())


def test_a_table_is_segmented_and_the_same_again_does_nothing(command, line, balls, tmp_path, capsys):
    report = tmp_path / "report.params"
    assert command(*line, *FORMATS, "--returnparameterfile", report) == 0
    printed = capsys.readouterr().out
    assert "4 cases: 4 done, 0 kept, 0 failed." in printed
    assert "Not a medical device." in printed
    fractions = [float(found) for found in re.findall(r"<filter-progress>([\d.]+)<", printed)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert re.search(r"2 of 4, about \d+ s left", printed)
    values = reported(report)
    assert (values["cases"], values["done"], values["failures"], values["usedModel"]) == ("4", "4", "0", "adaptive")
    assert values["page"] == str(balls.out / "index.html")
    assert set(read_image(balls.out / "p2_labels.nii.gz").array.ravel()) == {0, 3}
    assert list(read_labels(balls.out / "p2.seg.nrrd").places) == ["ball"]
    assert command(*line, *FORMATS, "--returnparameterfile", report) == 0
    assert (reported(report)["done"], reported(report)["kept"]) == ("0", "4")


def test_a_failure_is_named_and_the_exit_code_says_so(command, line, balls, capsys):
    (balls.folder / "scan1.nrrd").write_bytes(b"NRRD0004\n")
    assert command(*line) == 1
    printed = capsys.readouterr()
    assert printed.err == "1 of 4 cases failed, such as 'p1'. The others are done; 'index.html' says why for each.\n"
    assert "4 cases: 3 done, 0 kept, 1 failed." in printed.out
    assert "p1: The image" in printed.out
    with (balls.out / "summary.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["done", "failed", "done", "done"]


def test_a_folder_with_patterns_needs_no_table(command, balls):
    scans = balls.folder / "scans"
    for name in ("a", "b"):
        (scans / name).mkdir(parents=True)
        write_ball(scans / name / "ct.nii.gz")
        shutil.copy(balls.folder / "middle.mrk.json", scans / name / "middle.mrk.json")
    patterns = ("--pattern", "{subject}/ct.nii.gz", "--prompts", "positive={subject}/middle.mrk.json")
    assert command(balls.out, "--images", scans, *patterns, "--labels", "ball=2") == 0
    assert sorted(file.name for file in balls.out.glob("*.seg.nrrd")) == ["a.seg.nrrd", "b.seg.nrrd"]


def test_a_dry_run_says_what_would_be_done_and_how_long_and_writes_nothing(command, line, balls, capsys):
    assert command(*line, "--dryRun", "--workers", 2) == 0
    printed = capsys.readouterr().out
    assert "p0: to do\np1: to do\np2: to do\np3: to do\n4 of 4 cases would be done.\n" in printed
    assert re.search(r"That takes about \d+ s with 2 worker\(s\): 'p0' took [\d.]+ s\.", printed)
    assert not balls.out.exists()
    assert command(*line) == 0
    write_ball(balls.folder / "scan3.nrrd", 8, seed=9)
    before = results_of(balls.out)
    capsys.readouterr()
    assert command(*line, "--dryRun") == 0
    assert "p2: done already\np3: to do again\n1 of 4 cases would be done.\n" in capsys.readouterr().out
    assert results_of(balls.out) == before


def test_two_workers_write_what_one_writes(process, line, balls, undisturbed):
    pytest.importorskip("distributed")
    done = process(*line, "--workers", 2, "--memory", 1)
    assert done.returncode == 0, done.stderr
    assert "4 cases: 4 done" in done.stdout
    assert results_of(balls.out) == undisturbed


WRONG = {
    "no images": ((), "Give either --table or --images"),
    "both": (("--table", "{table}", "--images", "{folder}"), "Give either --table or --images"),
    "no worker": (("--table", "{table}", "--workers", "0"), "0 workers"),
    "format": (("--table", "{table}", "--formats", "stl"), "There is no format 'stl'"),
    "recipe": (("--table", "{table}", "--recipe", "{folder}/none.json"), "cannot be read"),
    "recipe twice": (("--table", "{table}", "--recipe", "{folder}/recipe.json", "--labels", "a=1"), "holds support"),
    "prompts": (
        ("--images", "{folder}", "--pattern", "{{image}}.nrrd", "--prompts", "clicks=a"),
        "of the kind 'clicks'",
    ),
    "no pattern": (("--images", "{folder}", "--prompts", "box"), "The prompts 'box' cannot be read"),
    "model": (("--table", "{table}", "--model", "nonesuch"), "There is no model 'nonesuch'"),
    "support model": (("--table", "{table}", "--model", "registered"), "no model 'registered' for this task"),
    "elsewhere": (("--table", "{table}", "--scheduler", "tcp://10.0.0.7:8786"), "does not use TLS"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_one_sentence(case, command, balls, capsys):
    arguments, said = WRONG[case]
    places = {"table": balls.table, "folder": balls.folder}
    assert command(balls.out, *(part.format(**places) for part in arguments)) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not list(balls.out.glob("p*"))


def test_the_report_holds_what_the_description_promises(promised, command, line, tmp_path):
    for more in ((), ("--dryRun",)):
        report = tmp_path / "report.params"
        assert command(*line, "--returnparameterfile", report, *more) == 0
        assert {row.split(" = ")[0] for row in report.read_text().splitlines()} == promised
