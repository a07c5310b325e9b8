from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from fakes.requests import a_request
from Host import qt_shim as qt
from Host.processes import is_alive, pid_of
from MedSegAICore.errors import Cancelled, EngineLost, EngineUnavailable

LAUNCHER = Path(__file__).resolve().parents[1] / "fakes" / "launcher.py"
HANGS = ["deaf", "stuck"]


def test_a_cancelled_ticket_ends_at_once_and_the_process_lives_on(engine, wait, start_job) -> None:
    job, ticket = start_job(engine, "obedient")
    pid = pid_of(engine, wait)

    engine.cancel(ticket)

    assert wait(lambda: job.ended) < 0.3
    assert isinstance(job.errors[0], Cancelled)
    assert engine.segmentAndWait(a_request("quick"))
    assert pid_of(engine, wait) == pid


@pytest.mark.parametrize("model", HANGS)
def test_a_job_that_ignores_cancel_is_killed_and_the_next_request_works(engine, wait, model, start_job) -> None:
    job, ticket = start_job(engine, model)
    pid = pid_of(engine, wait)

    engine.cancel(ticket)
    freed = wait(lambda: job.ended)
    began = time.monotonic()
    result = engine.segmentAndWait(a_request("quick"))  # asked while the job still hangs

    assert freed < 0.3
    assert isinstance(job.errors[0], Cancelled)
    assert result.mask.array.any()
    assert 1.0 < time.monotonic() - began < 5.0
    assert not is_alive(pid)
    assert len(job.errors) == 1


def test_a_job_waiting_behind_another_is_cancelled_alone(engine, pause, answers, start_job) -> None:
    running, _ = start_job(engine, "obedient", segment="liver")
    waiting = answers()
    ticket = waiting.ask(engine, a_request("quick", segment="spleen"))

    engine.cancel(ticket)
    pause(1.8)

    assert isinstance(waiting.errors[0], Cancelled)
    assert not running.ended


def test_cancelling_twice_or_too_late_does_nothing(engine, wait, start_job) -> None:
    job, ticket = start_job(engine, "obedient")
    for _ in range(2):
        engine.cancel(ticket)
    wait(lambda: job.ended)
    engine.cancel(ticket)
    engine.cancel(12345)
    engine.segmentAndWait(a_request("quick"))

    assert len(job.errors) == 1


@pytest.mark.parametrize("end", ["crash", "kill"])
def test_a_lost_process_ends_every_ticket_once_and_is_started_again(engine, wait, answers, end) -> None:
    first, second = answers(), answers()
    pid = pid_of(engine, wait)
    first.ask(engine, a_request("crashing" if end == "crash" else "obedient", segment="liver"))
    second.ask(engine, a_request("quick", segment="spleen"))
    if end == "kill":
        wait(lambda: first.progress)
        os.kill(pid, 9)

    wait(lambda: first.ended and second.ended)

    assert [type(error) for error in first.errors + second.errors] == [EngineLost, EngineLost]
    assert not first.results + second.results
    assert engine.segmentAndWait(a_request("quick"))
    assert pid_of(engine, wait) != pid
    assert len(first.errors) == len(second.errors) == 1


def test_a_crash_leaves_its_place_in_the_log(engine) -> None:
    with pytest.raises(EngineLost):
        engine.segmentAndWait(a_request("crashing"))

    assert "in crashing" in engine.log


def test_a_missing_program_has_a_name(start) -> None:
    engine = start(["/no/such/python"])

    for _ in range(2):
        with pytest.raises(EngineUnavailable, match="/no/such/python"):
            engine.segmentAndWait(a_request("quick"))


def test_a_process_that_ends_while_it_starts_says_why(start) -> None:
    engine = start([sys.executable, "-c", "raise SystemExit('numpy is broken')"])

    with pytest.raises(EngineUnavailable, match="numpy is broken"):
        engine.segmentAndWait(a_request("quick"))


def test_a_failed_start_is_told_to_who_waits_for_it(start, wait) -> None:
    errors = []
    start(["/no/such/python"]).start(onError=errors.append)
    wait(lambda: errors)

    assert isinstance(errors[0], EngineUnavailable)


def test_a_process_that_talks_nonsense_is_ended_and_named(start) -> None:
    engine = start([sys.executable, "-u", "-c", "print('Welcome to this Python!' * 99); input()"])

    with pytest.raises(EngineLost, match="not a message"):
        engine.segmentAndWait(a_request("quick"))


@pytest.mark.parametrize("model", ["obedient", *HANGS])
def test_a_stopped_process_is_gone_whatever_it_does(engine, wait, model, start_job) -> None:
    pid = pid_of(engine, wait)
    job, _ = start_job(engine, model)

    engine.stop(500)
    wait(lambda: job.ended)

    assert isinstance(job.errors[0], EngineLost)
    assert not is_alive(pid)
    assert not engine.isRunning


def test_the_process_ends_with_the_application(engine, wait) -> None:
    pid = pid_of(engine, wait)

    qt.QCoreApplication.instance().aboutToQuit.emit()

    assert not is_alive(pid)


@pytest.mark.parametrize("model", ["obedient", *HANGS])
def test_behind_a_launcher_the_interpreter_is_ended_too(start, wait, model, start_job) -> None:
    engine = start([sys.executable, "-u", str(LAUNCHER), str(LAUNCHER.with_name("child.py"))])
    pid = pid_of(engine, wait)
    job, ticket = start_job(engine, model)

    engine.cancel(ticket)

    assert engine.segmentAndWait(a_request("quick"))
    assert isinstance(job.errors[0], Cancelled)
    assert is_alive(pid) is (model == "obedient")


def test_behind_a_launcher_a_crash_is_noticed(start) -> None:
    engine = start([sys.executable, "-u", str(LAUNCHER), str(LAUNCHER.with_name("child.py"))])

    with pytest.raises(EngineLost):
        engine.segmentAndWait(a_request("crashing"))
    assert engine.segmentAndWait(a_request("quick"))


def test_a_late_result_of_a_cancelled_ticket_is_dropped(engine, answers) -> None:
    job = answers()
    ticket = job.ask(engine, a_request("quick"))
    engine.cancel(ticket)  # the answer may be under way already
    engine.segmentAndWait(a_request("quick"))

    assert [type(error) for error in job.errors] == [Cancelled]
    assert not job.results
