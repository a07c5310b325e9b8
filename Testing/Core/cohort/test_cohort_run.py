"""A cohort, run again after changes: only what is missing or changed is done."""

from __future__ import annotations

import csv
import json
import os

import pytest
from Core.cohort.conftest import results_of, write_ball
from MedSegAICore.cohort.cohort_recipe import recipe_of_task
from MedSegAICore.errors import InvalidManifest, InvalidRequest, UnknownModel
from MedSegAICore.images import read_geometry, read_image
from MedSegAICore.label_files import read_labels
from MedSegAICore.request import PromptTask

ALL = ("seg.nrrd", "nii.gz")


def rows_of(folder):
    with (folder / "summary.csv").open(newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def test_every_case_gets_its_files_on_its_grid(balls):
    assert balls.run(formats=ALL) == {"p0": "done", "p1": "done", "p2": "done"}
    labels = read_image(balls.out / "p1_labels.nii.gz")
    assert labels.geometry.matches(read_geometry(balls.folder / "scan1.nrrd"))
    truth = read_image(balls.folder / "scan1.nrrd").array > 60
    assert (labels.array.astype(bool) == truth).mean() > 0.99
    assert list(read_labels(balls.out / "p1.seg.nrrd").places) == ["ball"]
    assert float(rows_of(balls.out)["p1"]["ball ml"]) == pytest.approx(labels.array.sum() * 16 / 1000, rel=1e-3)
    assert sorted(file.name for file in (balls.out / ".cohort").iterdir()) == ["in_flight.json", "lock", "staging"]
    assert not list((balls.out / ".cohort" / "staging").iterdir())


def test_the_provenance_tells_how_it_was_made_and_names_nobody(balls):
    (balls.folder / "scan0.nrrd").rename(balls.folder / "Smith_Anna_1950.nrrd")
    balls.table.write_text("case,image,positive\np0,Smith_Anna_1950.nrrd,middle.mrk.json\n")
    balls.run()
    text = (balls.out / "p0.provenance.json").read_text()
    record = json.loads(text)
    assert record["model"] == "bright"
    assert record["versions"]["medsegai"]
    assert record["device"] == "cpu"
    assert record["seconds"] <= record["total_seconds"]
    assert {role for role, _, _ in record["inputs"]} == {"image", "positive"}
    assert "Smith" not in text
    assert "scan" not in text
    assert str(balls.folder) not in text


def test_the_same_again_does_nothing(balls):
    balls.run()
    before = {file: file.stat().st_mtime_ns for file in balls.out.glob("p*")}
    assert set(balls.run().values()) == {"kept"}
    assert {file: file.stat().st_mtime_ns for file in balls.out.glob("p*")} == before


def test_only_what_changed_is_done_again(balls):
    balls.run()
    write_ball(balls.folder / "scan1.nrrd", 9, seed=7)
    assert balls.run() == {"p0": "kept", "p1": "done", "p2": "kept"}
    (balls.out / "p2.seg.nrrd").unlink()
    assert balls.run() == {"p0": "kept", "p1": "kept", "p2": "done"}
    (balls.out / "p0.provenance.json").write_text("{")
    assert balls.run() == {"p0": "done", "p1": "kept", "p2": "kept"}
    point = balls.folder / "middle.mrk.json"
    point.write_text(point.read_text().replace("0.0", "0.5"))
    assert set(balls.run().values()) == {"done"}


def test_a_file_that_was_only_touched_is_not_done_again(balls):
    balls.run()
    os.utime(balls.folder / "scan1.nrrd", (1, 1))  # also a clock that went backwards
    assert set(balls.run().values()) == {"kept"}


def test_other_settings_replace_everything_and_leave_no_older_format(balls):
    balls.run(formats=ALL)
    assert set(balls.run(recipe=recipe_of_task(PromptTask((), "bright", threshold=0.4), {"ball": 1})).values()) == {
        "done"
    }
    assert not list(balls.out.glob("*_labels.nii.gz"))


def test_a_changed_result_is_found_where_that_is_asked_for(balls):
    balls.run()
    file = balls.out / "p1.seg.nrrd"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert set(balls.run().values()) == {"kept"}
    assert balls.run(verify=True) == {"p0": "kept", "p1": "done", "p2": "kept"}


def test_results_do_not_depend_on_the_order_or_on_when(balls, tmp_path):
    balls.run()
    again = balls.cohort(folder=tmp_path / "again", cases=balls.cases()[::-1])
    balls.run(folder=again.folder, cases=again.cases)
    assert results_of(balls.out) == results_of(again.folder)


def test_results_never_replace_inputs(balls):
    write_ball(balls.folder / "out.seg.nrrd")
    balls.table.write_text("case,image,positive,output\na,out.seg.nrrd,middle.mrk.json,out\n")
    with pytest.raises(InvalidManifest, match=r"would replace 'out\.seg\.nrrd'"):
        balls.run(folder=balls.folder)


def test_a_link_does_not_lead_out_of_the_folder(balls, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    balls.out.mkdir()
    (balls.out / "sub").symlink_to(outside)
    balls.table.write_text("case,image,positive,output\na,scan0.nrrd,middle.mrk.json,sub/a\n")
    with pytest.raises(InvalidManifest, match="linked to one outside"):
        balls.run()
    assert not list(outside.iterdir())


def test_what_no_case_can_do_is_named_at_once(balls):
    with pytest.raises(UnknownModel):
        balls.run(recipe=recipe_of_task(PromptTask((), "nonesuch")))
    with pytest.raises(InvalidRequest, match="There is no format 'stl'"):
        balls.cohort(formats=("stl",))
    assert not list(balls.out.glob("p*"))
