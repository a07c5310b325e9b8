"""What the engine process keeps in memory."""

from __future__ import annotations

from fakes.requests import a_request
from Host.processes import pid_of


def asked(engine, wait, *, clear=False):
    heard = []
    engine.askMemory(lambda *answer: heard.append(answer), clear)
    wait(lambda: heard)
    return heard[0]


def test_it_says_what_it_keeps_and_forgets_it_on_request(engine, wait) -> None:
    engine.segmentAndWait(a_request("quick"))

    assert asked(engine, wait) == (0, ("quick",))
    assert asked(engine, wait, clear=True) == (0, ())
    assert engine.segmentAndWait(a_request("quick")).mask.array.any()


def test_a_process_that_does_not_run_does_not_answer(engine, pause) -> None:
    heard = []
    engine.askMemory(heard.append)
    pause(0.05)

    assert heard == []
    assert engine.hello is None


def test_answers_that_a_lost_process_owes_are_forgotten(engine, wait) -> None:
    pid_of(engine, wait)
    lost = []
    engine.askMemory(lambda *answer: lost.append(answer))
    engine.stop(500)

    pid_of(engine, wait)
    assert asked(engine, wait) == (0, ())
    assert lost == []


def test_what_it_said_at_its_start_can_be_asked_for(engine, wait) -> None:
    pid = pid_of(engine, wait)

    assert engine.hello["pid"] == pid
    assert engine.hello["versions"]["python"]
