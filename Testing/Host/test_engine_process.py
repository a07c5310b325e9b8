from __future__ import annotations

import json
import logging
import os
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from fakes.compare import assert_same_apart_from_versions
from fakes.models import fake_engine
from fakes.requests import a_request
from Host import qt_shim as qt
from Host.processes import pid_of
from MedSegAICore.engine.service import VOLUMES_LIMIT
from MedSegAICore.errors import Cancelled, EngineFault, EngineLost, InvalidRequest, UnknownModel
from MedSegAICore.prompts import SlicePlane
from MedSegAICore.request import SliceScope, VolumeScope
from MedSegAILib.gui import engine_process
from MedSegAILib.gui.engine_connection import EngineConnection
from MedSegAILib.gui.engine_process import EngineProcess


@pytest.fixture
def uploads(monkeypatch) -> list[str]:
    """Fingerprints of the volumes that were sent."""
    sent, original = [], EngineConnection.send

    def send(self, frame):
        if frame.header["type"] == "volume":
            sent.append(frame.header["image"])
        original(self, frame)

    monkeypatch.setattr(EngineConnection, "send", send)
    return sent


def test_the_answer_equals_the_engines_own(engine) -> None:
    request = a_request("quick", segment="liver", generation=3)

    assert_same_apart_from_versions(engine.segmentAndWait(request), fake_engine().segment(request))


@pytest.mark.parametrize("scope", [VolumeScope("slices"), None], ids=["volume", "slice"])
def test_a_prompted_segmentation_is_the_same_in_both_processes(engine, scope) -> None:
    request = a_request("bright", shape=(9, 24, 20))
    plane = SlicePlane.of_slice(request.image.geometry, 0, 2)
    request = replace(request, task=replace(request.task, scope=scope or SliceScope(plane)))

    answer, expected = engine.segmentAndWait(request), fake_engine().segment(request)

    assert expected.mask.array.any()
    seconds = replace(expected.provenance, seconds=answer.provenance.seconds)
    assert_same_apart_from_versions(answer, replace(expected, provenance=seconds))


def test_progress_arrives_from_the_event_loop(engine, wait, start_job) -> None:
    job, _ = start_job(engine, "obedient")
    wait(lambda: len(job.progress) >= 3)

    assert [fraction for fraction, _ in job.progress] == sorted(fraction for fraction, _ in job.progress)
    assert job.progress[0] == (0.0, "step 0")
    assert not job.ended


def test_what_a_job_shows_is_seen_until_it_is_cancelled(engine, wait, pause) -> None:
    seen = []
    ticket = engine.segment(a_request("showing"), seen.append, seen.append, onPreview=seen.append)
    wait(lambda: len(seen) >= 3)
    first, second, third = (patch.array[0, 0, 0] for patch in seen)
    engine.cancel(ticket)
    wait(lambda: isinstance(seen[-1], Cancelled))
    count = len(seen)
    pause(0.5)

    assert first < second < third
    assert len(seen) == count


def test_previews_are_few(engine, wait, pause) -> None:
    seen = []
    engine.segment(a_request("showing"), print, print, onPreview=seen.append)
    wait(lambda: seen)
    pause(1.0)

    assert 1 < len(seen) <= 5  # the job shows one in each of its 50 steps


def test_a_preview_that_is_damaged_is_reported_and_harms_nobody(engine, wait, caplog, monkeypatch) -> None:
    def damaged(_frame):
        message = "The preview is damaged."
        raise EngineFault(message)

    monkeypatch.setattr(engine_process, "read_preview_message", damaged)
    caplog.set_level(logging.ERROR)
    engine.segment(a_request("showing"), print, print, onPreview=print)
    wait(lambda: "The preview is damaged" in caplog.text)

    assert engine.isRunning


def test_the_time_that_a_job_takes_is_asked_beside_it(engine, wait, start_job) -> None:
    heard = []
    job, _ = start_job(engine, "obedient", segment="liver", generation=1)
    ticket = engine.predictSeconds(a_request("quick", segment="liver", generation=2), heard.append, heard.append)
    wait(lambda: len(job.progress) >= 3)

    assert not job.ended
    engine.cancel(ticket)
    wait(lambda: heard)
    assert isinstance(heard[0], Cancelled)


def test_nothing_is_started_before_it_is_needed(engine, wait) -> None:
    assert not engine.isRunning

    assert pid_of(engine, wait) not in (0, os.getpid())
    assert engine.isRunning


def test_prints_of_a_job_go_to_the_log(engine) -> None:
    engine.segmentAndWait(a_request("noisy"))
    engine.segmentAndWait(a_request("quick"))

    assert "a library prints" in engine.log
    assert "so does native code" in engine.log


def test_a_named_error_of_the_engine_arrives_with_its_name_and_advice(engine) -> None:
    with pytest.raises(UnknownModel, match="'absent'") as caught:
        engine.segmentAndWait(a_request("absent"))

    assert "quick" in caught.value.advice


def test_a_mistake_in_the_engine_is_named_and_the_next_request_works(engine) -> None:
    with pytest.raises(EngineFault, match="ZeroDivisionError"):
        engine.segmentAndWait(a_request("faulty"))

    assert engine.segmentAndWait(a_request("quick"))


def test_a_volume_is_uploaded_once(engine, uploads) -> None:
    for _ in range(3):
        engine.segmentAndWait(a_request("quick", seed=1))
    engine.segmentAndWait(a_request("quick", seed=2))

    assert uploads == [a_request("quick", seed=1).image.fingerprint, a_request("quick", seed=2).image.fingerprint]


def test_a_volume_is_uploaded_again_to_a_new_process(engine, uploads) -> None:
    engine.segmentAndWait(a_request("quick"))
    with pytest.raises(EngineLost):
        engine.segmentAndWait(a_request("crashing"))
    engine.segmentAndWait(a_request("quick"))

    assert len(uploads) == 2


def test_a_volume_that_the_process_has_dropped_is_uploaded_again(engine, uploads) -> None:
    for seed in (*range(VOLUMES_LIMIT + 1), 0):
        engine.segmentAndWait(a_request("quick", seed=seed))

    assert len(uploads) == VOLUMES_LIMIT + 2


def test_a_volume_that_never_arrives_has_a_name(engine, monkeypatch) -> None:
    original = EngineConnection.send

    def damage(self, frame):
        if frame.header["type"] == "volume":
            Path(frame.header["path"]).write_bytes(b"")
        original(self, frame)

    monkeypatch.setattr(EngineConnection, "send", damage)

    with pytest.raises(EngineFault, match="does not accept the volume"):
        engine.segmentAndWait(a_request("quick"))


def test_a_request_that_cannot_be_sent_has_a_name(engine) -> None:
    request = a_request("quick")
    object.__setattr__(request.task, "threshold", float("inf"))

    with pytest.raises(InvalidRequest, match="not finite"):
        engine.segmentAndWait(request)
    assert engine.segmentAndWait(a_request("quick"))


def test_no_file_is_left_behind(engine, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine.segmentAndWait(a_request("quick"))

    engine.stop()

    assert not list(tmp_path.iterdir())


def test_a_newer_request_for_the_same_segment_replaces_older_ones(engine, wait, answers, start_job) -> None:
    older, _ = start_job(engine, "obedient", segment="liver", generation=1)
    other, newer = answers(), answers()
    other.ask(engine, a_request("quick", segment="spleen", generation=1))
    newer.ask(engine, a_request("quick", segment="liver", generation=2))

    wait(lambda: older.ended and other.ended and newer.ended)

    assert [type(error) for error in older.errors] == [Cancelled]
    assert newer.results[0].generation == 2
    assert other.results[0].segment == "spleen"


def test_a_request_that_is_already_replaced_is_not_asked(engine, wait, answers, start_job) -> None:
    newer, _ = start_job(engine, "obedient", segment="liver", generation=5)
    late = answers()
    late.ask(engine, a_request("quick", segment="liver", generation=4))
    wait(lambda: late.ended)

    assert isinstance(late.errors[0], Cancelled)
    assert not newer.ended


def test_two_segments_are_in_flight_together(engine, wait, answers) -> None:
    jobs = {segment: answers() for segment in ("liver", "spleen")}
    for segment, job in jobs.items():
        job.ask(engine, a_request("quick", segment=segment))
    wait(lambda: all(job.ended for job in jobs.values()))

    assert {segment: job.results[0].segment for segment, job in jobs.items()} == {"liver": "liver", "spleen": "spleen"}


def test_a_handler_may_wait_for_another_answer(engine, wait, answers) -> None:
    other, nested = answers(), []

    def ask_more(result):
        nested.append(engine.segmentAndWait(a_request("quick", segment="nested")))
        wait(lambda: other.ended)  # its answer may have come in the same piece of the stream

    engine.segment(a_request("quick", segment="first"), ask_more, nested.append)
    other.ask(engine, a_request("quick", segment="second"))
    wait(lambda: nested and other.ended)

    assert nested[0].segment == "nested"
    assert other.results[0].segment == "second"


def test_a_handler_that_fails_is_reported_and_harms_nobody(engine, caplog) -> None:
    caplog.set_level(logging.ERROR)
    engine.segment(a_request("quick"), json.loads, print)  # a result is no text

    assert engine.segmentAndWait(a_request("quick"))
    assert "A handler of the engine process failed" in caplog.text


def test_another_device_takes_effect_with_the_next_request(engine) -> None:
    engine.segmentAndWait(a_request("quick"))
    engine.configure("cpu", {"quick": Path("a.pth")})

    assert engine.segmentAndWait(a_request("quick")).provenance.device == "cpu"


@pytest.mark.usefixtures("nothing_older_is_collected")
def test_the_event_loop_stays_smooth_while_a_job_runs(engine, wait, answers) -> None:
    ticks, job, timer = [], answers(), qt.QTimer()
    pid_of(engine, wait)
    timer.connect("timeout()", lambda: ticks.append(time.perf_counter()))
    timer.start(10)
    job.ask(engine, a_request("busy"))
    wait(lambda: job.ended)
    timer.stop()

    assert len(ticks) > 60
    assert max(after - before for before, after in pairwise(ticks)) < 0.2


def test_outside_slicer_the_running_interpreter_is_used(monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", {}.get)
    assert engine_process.enginePython() == sys.executable

    monkeypatch.setattr("shutil.which", {"PythonSlicer": "/slicer/bin/PythonSlicer"}.get)
    assert engine_process.enginePython() == "/slicer/bin/PythonSlicer"


def test_the_shipped_engine_process_answers(wait) -> None:
    engine, heard = EngineProcess(), []
    engine.start(heard.append)
    wait(lambda: heard)
    engine.stop()

    assert heard[0]["versions"]["medsegai"]
