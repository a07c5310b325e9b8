"""Learning from examples through the engine process: several volumes, one answer."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.people import person
from Host.processes import pid_of
from MedSegAICore.engine.fit_messages import fitted_message
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.engine.service import VOLUMES_LIMIT
from MedSegAICore.errors import Cancelled, EngineFault, EngineLost, InvalidRequest, InvalidSupport
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.fit import FitReport, FitRequest
from MedSegAICore.request import FewShotTask, SegmentationRequest
from MedSegAILib.gui.engine_connection import EngineConnection
from MedSegAILib.gui.engine_process import EngineProcess
from MedSegAILib.gui.engine_questions import FitQuestion
from MedSegAILib.gui.event_loop import later

SMALL = (9, 14, 12)
PATIENCE = 60


@pytest.fixture(scope="module")
def people():
    return [person(seed, SMALL, f"person {seed}") for seed in range(3)]


@pytest.fixture(scope="module")
def engine():
    """The engine process with the project's own models; what it loads for the first question takes a while."""
    engine = EngineProcess()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")  # for small images more only wait for each other
        yield engine
    engine.stop(500)


@pytest.fixture
def request_of(tmp_path, people):
    return lambda count=2, name="model": FitRequest(people[:count], tmp_path / f"{name}.safetensors")


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    """Types of the messages that were sent, volumes by their fingerprint."""
    types, original = [], EngineConnection.send

    def send(self, frame):
        types.append(frame.header["image"] if frame.header["type"] == "volume" else frame.header["type"])
        original(self, frame)

    monkeypatch.setattr(EngineConnection, "send", send)
    return types


class Heard:
    """What became of a ticket."""

    def __init__(self, engine, request) -> None:
        self.ended, self.progress = [], []
        self.ticket = engine.fit(request, self.ended.append, self.ended.append, lambda *w: self.progress.append(w))


def test_what_is_learned_segments_the_next_image(engine, request_of, people) -> None:
    progress = []

    report = engine.fitAndWait(request_of(), lambda fraction, _words: progress.append(fraction))
    task = FewShotTask(report.file, report.sha256)
    result = engine.segmentAndWait(SegmentationRequest(people[2].image, task))

    assert report.labels == ("liver", "kidney")
    assert progress == sorted(progress)
    assert [structure.label for structure in result.structures] == ["liver", "kidney"]
    assert result.mask.array.any()


def test_every_image_goes_once_and_before_the_question(engine, request_of, people, sent) -> None:
    engine.stop()
    engine.fitAndWait(request_of(1))
    engine.fitAndWait(request_of(2))

    first, second = (one.image.fingerprint for one in people[:2])
    assert sent == ["configure", first, "fit", second, "fit"]


def test_images_that_the_process_has_dropped_are_sent_again(engine, request_of, people, sent) -> None:
    engine.stop()
    engine.fitAndWait(request_of(1))
    sent.clear()
    # as if the process had made room for others
    engine._uploads._sent.update(person.image.fingerprint for person in people)

    assert len(engine.fitAndWait(request_of(3)).leave_one_out["liver"]) == 3
    second, third = (one.image.fingerprint for one in people[1:])
    assert sent == ["fit", second, "fit", third, "fit"]


def test_an_image_that_never_arrives_has_a_name(engine, request_of, monkeypatch) -> None:
    original = EngineConnection.send

    def lose(self, frame):
        if frame.header["type"] != "volume":
            original(self, frame)

    engine.stop()
    monkeypatch.setattr(EngineConnection, "send", lose)

    with pytest.raises(EngineFault, match="does not accept the volume"):
        engine.fitAndWait(request_of())


def test_more_examples_than_the_process_keeps_are_refused_at_once(engine, request_of, people, sent) -> None:
    request = request_of()
    many = [Example(replace(people[0].image), people[0].masks) for _ in range(VOLUMES_LIMIT + 1)]

    with pytest.raises(InvalidRequest, match=str(VOLUMES_LIMIT)):
        engine.fitAndWait(replace(request, examples=many))
    assert "fit" not in sent


def test_examples_that_cannot_be_used_are_named(engine, request_of, people) -> None:
    request = request_of()
    other = Example(people[1].image, {"liver": people[1].masks["liver"]}, "person 1")

    with pytest.raises(InvalidSupport, match="person 1"):
        engine.fitAndWait(replace(request, examples=(request.examples[0], other)))


def test_learning_is_cancelled_and_the_older_file_stays(engine, request_of, wait) -> None:
    request = request_of()
    request.file.write_text("older")
    heard = Heard(engine, request)
    wait(lambda: heard.progress, PATIENCE)

    engine.cancel(heard.ticket)
    wait(lambda: heard.ended, PATIENCE)

    assert [type(end) for end in heard.ended] == [Cancelled]
    assert request.file.read_text() == "older"


def test_whoever_waits_can_cancel(engine, request_of) -> None:
    cancel = CancelToken()
    later(100, cancel.cancel)

    with pytest.raises(Cancelled):
        engine.fitAndWait(request_of(3), cancel=cancel)


def test_learning_into_the_same_file_again_replaces_the_older_question(engine, request_of, wait) -> None:
    older, newer = Heard(engine, request_of(3)), Heard(engine, request_of(1))
    wait(lambda: older.ended and newer.ended, PATIENCE)

    assert isinstance(older.ended[0], Cancelled)
    assert newer.ended[0].leave_one_out == {}


def test_a_lost_process_ends_learning_and_the_next_question_works(engine, request_of, wait) -> None:
    pid, heard = pid_of(engine, wait), Heard(engine, request_of(3))
    wait(lambda: heard.progress, PATIENCE)

    os.kill(pid, signal.SIGKILL)
    wait(lambda: heard.ended, PATIENCE)

    assert [type(end) for end in heard.ended] == [EngineLost]
    assert engine.fitAndWait(request_of(1)).labels == ("liver", "kidney")


def test_an_answer_to_another_question_is_refused(request_of) -> None:
    request = request_of(1)
    answer = fitted_message(1, FitReport(Path("other.safetensors"), "", "registered", ("liver",), {}, 1.0, {}))

    with pytest.raises(EngineFault, match="another question"):
        FitQuestion(request, print, print).answer(answer)
