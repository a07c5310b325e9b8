"""What goes wrong overnight: afterwards the results are those of an undisturbed run."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from pathlib import Path

import pytest
import SimpleITK as sitk
from Core.cohort.conftest import make_balls, results_of, write_ball
from MedSegAICore.cohort import case_files, case_work, local_worker
from MedSegAICore.cohort.folder_lock import held
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, FolderBusy, InvalidRequest, NoRoom


@pytest.fixture
def undisturbed(balls, tmp_path):
    """The results of a run in which nothing happened."""
    folder = tmp_path / "undisturbed"
    assert set(balls.run(folder=folder).values()) == {"done"}
    return results_of(folder)


class Killed(BaseException):
    """Ends the program without a chance to clean up."""


def failure_of(balls, name):
    return json.loads((balls.out / f"{name}.failure.json").read_text())


def test_an_unreadable_image_is_tried_twice_and_set_aside_and_the_rest_goes_on(balls, undisturbed):
    whole = (balls.folder / "scan1.nrrd").read_bytes()
    (balls.folder / "scan1.nrrd").write_bytes(whole[: len(whole) // 2])
    assert balls.run() == {"p0": "done", "p1": "failed", "p2": "done"}
    failure = failure_of(balls, "p1")
    assert failure["tries"] == 2
    assert failure["error"]["type"] == "InvalidImage"
    assert "scan1" not in failure["error"]["message"]
    assert not (balls.out / "p1.seg.nrrd").exists()
    assert balls.run() == {"p0": "kept", "p1": "failed", "p2": "kept"}
    (balls.folder / "scan1.nrrd").write_bytes(whole)
    assert balls.run() == {"p0": "kept", "p1": "done", "p2": "kept"}
    assert not (balls.out / "p1.failure.json").exists()
    assert results_of(balls.out) == undisturbed


def test_a_missing_image_is_done_once_it_is_there(balls, undisturbed):
    kept = balls.folder / "kept.nrrd"
    (balls.folder / "scan0.nrrd").rename(kept)
    assert balls.run()["p0"] == "failed"
    kept.rename(balls.folder / "scan0.nrrd")
    assert balls.run() == {"p0": "done", "p1": "kept", "p2": "kept"}
    assert results_of(balls.out) == undisturbed


def test_wrong_geometry_is_named_and_done_once_it_is_right(balls, undisturbed):
    right, table = (balls.folder / "scan0.nrrd").read_bytes(), balls.table.read_text()
    sheared = sitk.ReadImage(str(balls.folder / "scan0.nrrd"))
    text = (balls.folder / "scan0.nrrd").read_bytes()
    header, _, rest = text.partition(b"\n\n")
    header = header.replace(b"space directions: (-2,0,0)", b"space directions: (-2,1,0)")
    (balls.folder / "scan0.nrrd").write_bytes(header + b"\n\n" + rest)
    mask = sitk.GetImageFromArray(sitk.GetArrayFromImage(sheared)[:3].astype("uint8"))
    sitk.WriteImage(mask, str(balls.folder / "mask.nrrd"))
    balls.table.write_text("case,image,positive,mask\na,scan0.nrrd,middle.mrk.json,\nb,scan1.nrrd,,mask.nrrd\n")
    assert set(balls.run().values()) == {"failed"}
    assert failure_of(balls, "a")["error"]["type"] == "ShearedGeometry"
    assert failure_of(balls, "b")["error"]["type"] == "GeometryMismatch"
    (balls.folder / "scan0.nrrd").write_bytes(right)
    balls.table.write_text(table)
    assert set(balls.run(retry=True).values()) == {"done"}
    assert {name: found for name, found in results_of(balls.out).items() if name[0] == "p"} == undisturbed


def test_results_of_an_older_image_do_not_stay_where_the_new_one_fails(balls):
    balls.run()
    (balls.folder / "scan1.nrrd").write_bytes(b"NRRD0004\n")
    assert balls.run()["p1"] == "failed"
    assert sorted(file.name for file in balls.out.glob("p1*")) == ["p1.failure.json"]


def test_a_failure_that_was_set_aside_is_tried_again_where_that_is_asked_for(balls, monkeypatch, undisturbed):
    with monkeypatch.context() as broken:
        broken.setattr(case_work, "write_segments", lambda *_: 1 / 0)
        assert set(balls.run().values()) == {"failed"}
    assert set(balls.run().values()) == {"failed"}
    assert set(balls.run(retry=True).values()) == {"done"}
    assert results_of(balls.out) == undisturbed


def test_a_hiccup_is_no_failure(balls, monkeypatch, undisturbed):
    calls = []
    original = case_work.write_segments

    def first_time_broken(*arguments):
        calls.append(1)
        if len(calls) == 1:
            message = "a hiccup"
            raise RuntimeError(message)
        original(*arguments)

    monkeypatch.setattr(case_work, "write_segments", first_time_broken)
    assert set(balls.run().values()) == {"done"}
    assert results_of(balls.out) == undisturbed


MOVES = 5  # of a case: two drafts are finished, then they and the record get their names


@pytest.mark.parametrize("step", range(MOVES + 1))
def test_killed_at_any_step_of_writing_no_half_file_is_left(balls, undisturbed, monkeypatch, step):
    """The steps are the moments before the files of the second case are moved, and one after."""
    moves = []

    def dying(original):
        def call(*arguments):
            if ".cohort" in str(arguments[0]) and "staging" in str(arguments[0]):
                moves.append(1)
                if len(moves) == MOVES + 1 + step:
                    raise Killed
            return original(*arguments)

        return call

    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", dying(Path.replace))
        killed.setattr(case_files, "move_into_place", dying(case_files.move_into_place))
        with pytest.raises(Killed):
            balls.run()
    assert len(list(balls.out.glob("*.provenance.json"))) == 1 + step // MOVES
    for record in balls.out.glob("*.provenance.json"):
        sitk.ReadImage(str(balls.out / f"{record.name.split('.')[0]}.seg.nrrd"))
    balls.run()
    assert results_of(balls.out) == undisturbed


def test_a_killed_run_forgets_its_drafts(balls, undisturbed, monkeypatch):
    draft = balls.out / ".cohort" / "staging" / "left" / "draft.seg.nrrd"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"half")
    balls.run()
    assert not draft.exists()
    assert results_of(balls.out) == undisturbed


def test_a_full_disk_ends_the_run_by_name_and_it_goes_on_with_room(balls, undisturbed, monkeypatch):
    original = case_work.write_image

    def full(path, image):
        if len(list(balls.out.glob("*.provenance.json"))) == 1:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        original(path, image)

    with monkeypatch.context() as small:
        small.setattr(case_work, "write_image", full)
        with pytest.raises(NoRoom, match="goes on where it was"):
            balls.run()
    assert [file.name for file in balls.out.glob("*.seg.nrrd")] == ["p0.seg.nrrd"]
    assert not list(balls.out.glob("*.failure.json"))
    assert not list((balls.out / ".cohort" / "staging").iterdir())
    assert balls.run() == {"p0": "kept", "p1": "done", "p2": "done"}
    assert results_of(balls.out) == undisturbed


def refused(number):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_library_that_does_not_say_that_the_disk_is_full_ends_the_run_by_name_too(balls, undisturbed, monkeypatch):
    def fails(*_):
        message = "cannot be written as an image"
        raise InvalidRequest(message) from RuntimeError("sitk::ERROR")

    with monkeypatch.context() as small:
        small.setattr(case_files, "bytes", refused, raising=False)
        small.setattr(case_work, "write_segments", fails)
        with pytest.raises(NoRoom):
            balls.run()
    assert not list(balls.out.glob("*.failure.json"))
    assert set(balls.run().values()) == {"done"}
    assert results_of(balls.out) == undisturbed


def test_too_little_room_is_seen_before_anything_is_written(balls, undisturbed, monkeypatch):
    usage = shutil.disk_usage(balls.folder)
    with monkeypatch.context() as small:
        small.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(NoRoom):
            balls.run()
    assert not list(balls.out.glob("p*"))
    assert set(balls.run().values()) == {"done"}
    assert results_of(balls.out) == undisturbed


def test_of_two_runs_in_one_folder_one_refuses(balls, undisturbed):
    with held(balls.out), pytest.raises(FolderBusy, match="Another cohort run works in"):
        balls.run()
    assert set(balls.run().values()) == {"done"}
    assert results_of(balls.out) == undisturbed


def test_a_clock_that_goes_backwards_changes_nothing(balls, undisturbed, monkeypatch):
    moments = iter(range(10**9, 0, -1000))
    monkeypatch.setattr(time, "time", lambda: next(moments))
    assert set(balls.run().values()) == {"done"}
    assert set(balls.run().values()) == {"kept"}
    assert results_of(balls.out) == undisturbed


def test_an_image_that_was_replaced_by_an_older_one_is_done_again(balls, undisturbed):
    image = balls.folder / "scan1.nrrd"
    right, seen = image.read_bytes(), image.stat()
    write_ball(image, 8, seed=9)
    assert balls.run()["p1"] == "done"
    image.write_bytes(right)
    os.utime(image, ns=(seen.st_atime_ns, seen.st_mtime_ns - 10**12))
    assert balls.run() == {"p0": "kept", "p1": "done", "p2": "kept"}
    assert results_of(balls.out) == undisturbed


def test_a_stopped_run_goes_on_where_it_was(balls, undisturbed):
    token = CancelToken()

    def stop(fraction, message):
        if "p1" in message:
            token.cancel()

    with pytest.raises(Cancelled):
        balls.run(Run(stop, token))
    assert [file.name for file in balls.out.glob("*.seg.nrrd")] == ["p0.seg.nrrd"]
    assert json.loads((balls.out / ".cohort" / "in_flight.json").read_text()) == {}
    assert balls.run() == {"p0": "kept", "p1": "done", "p2": "done"}
    assert results_of(balls.out) == undisturbed


def test_a_case_that_ends_the_program_again_and_again_is_set_aside(balls, undisturbed, monkeypatch):
    original = local_worker.attempt

    def deadly(job, engine, run):
        if job.case.name == "p1":
            raise Killed
        return original(job, engine, run)

    with monkeypatch.context() as killed:
        killed.setattr(local_worker, "attempt", deadly)
        for _ in range(local_worker.MOST_DEATHS):
            with pytest.raises(Killed):
                balls.run()
        assert balls.run() == {"p0": "kept", "p1": "failed", "p2": "done"}
    assert failure_of(balls, "p1")["error"]["type"] == "WorkerLost"
    assert balls.run()["p1"] == "failed"
    assert balls.run(retry=True)["p1"] == "done"
    assert results_of(balls.out) == undisturbed


def test_case_names_that_differ_in_nothing_but_folders_do_not_meet(tmp_path):
    made = make_balls(tmp_path / "data", 1)
    write_ball(made.folder / "other.nrrd", 8, seed=5)
    made.table.write_text(
        "case,image,positive,output\na,scan0.nrrd,middle.mrk.json,x/scan\nb,other.nrrd,middle.mrk.json,y/scan\n"
    )
    assert made.run() == {"a": "done", "b": "done"}
    assert (made.out / "x" / "scan.seg.nrrd").read_bytes() != (made.out / "y" / "scan.seg.nrrd").read_bytes()
