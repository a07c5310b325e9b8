"""The engine process as any program sees it: bytes in, bytes out, no Qt."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fakes.compare import assert_same_apart_from_versions
from fakes.models import fake_engine
from fakes.requests import a_request, written
from MedSegAICore.engine import child as product_child
from MedSegAICore.engine.frames import Frame, FrameReader, encode_frame
from MedSegAICore.engine.messages import (
    ask_memory_message,
    cancel_message,
    configure_message,
    load_message,
    look_message,
    predict_message,
    read_preview_message,
    read_result_message,
    segment_message,
)
from MedSegAICore.engine.service import VOLUMES_LIMIT
from MedSegAICore.errors import Cancelled, EngineFault, InvalidRequest, error_from_message

FAKE_CHILD = Path(__file__).resolve().parents[2] / "fakes" / "child.py"


class Child:
    """A started engine process."""

    def __init__(self, script: Path, folder: Path, **options) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "log").open("wb"),
            **options,
        )
        self._reader, self._frames = FrameReader(), []

    def send(self, *frames: Frame) -> None:
        self.process.stdin.write(b"".join(map(encode_frame, frames)))
        self.process.stdin.flush()

    def ask(self, number: int, request) -> None:
        self.send(written(request.image, self.folder), segment_message(number, request))

    def hear(self) -> Frame:
        while not self._frames:
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            assert data, "the process has ended"
            self._frames.extend(self._reader.feed(data))
        return self._frames.pop(0)

    def hear_about(self, number: int, kinds=("result", "error", "need_volume")) -> Frame:
        while True:
            frame = self.hear()
            if frame.header.get("number") == number and frame.header["type"] in kinds:
                return frame

    def loaded_models(self) -> list[str]:
        self.send(ask_memory_message(clear=False))
        while True:
            frame = self.hear()
            if frame.header["type"] == "memory":
                return frame.header["models"]

    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def start(tmp_path):
    """Start engine processes that do not outlive the test."""
    children = []

    def start(script: Path = FAKE_CHILD, **options) -> Child:
        children.append(Child(script, tmp_path, **options))
        return children[-1]

    yield start
    for child in children:
        child.process.kill()
        child.process.wait()
        child.process.stdin.close()
        child.process.stdout.close()


def test_the_shipped_script_needs_no_search_path(start, tmp_path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "OMP_NUM_THREADS")}
    child = start(Path(product_child.__file__), cwd=tmp_path, env=environment)
    child.send(configure_message("cpu", {}))

    hello = child.hear().header

    assert hello["pid"] == child.process.pid
    assert hello["versions"].keys() >= {"medsegai", "python", "numpy"}
    assert 1 <= hello["threads"] <= max(1, os.cpu_count() - 1)


def test_the_answer_equals_the_engines_own(start) -> None:
    child, request = start(), a_request("quick", segment="liver", generation=3)
    child.ask(1, request)

    answer = read_result_message(child.hear_about(1))

    assert_same_apart_from_versions(answer, fake_engine().segment(request))


def test_what_libraries_print_does_not_run_into_the_messages(start) -> None:
    child = start()
    for number in (1, 2, 3):
        child.ask(number, a_request("noisy"))
        assert child.hear().header["type"] == "result"

    assert child.log().count("a library prints") == 3
    assert child.log().count("so does native code") == 3


def test_progress_is_reported_while_a_job_runs_and_it_can_be_cancelled(start) -> None:
    child = start()
    child.ask(1, a_request("obedient"))
    first = child.hear_about(1, kinds=("progress",))
    began = time.monotonic()
    child.send(cancel_message(1))

    answer = child.hear_about(1)

    assert first.header["message"] == "step 0"
    assert isinstance(error_from_message(answer.header["error"]), Cancelled)
    assert time.monotonic() - began < 1.0


def test_progress_messages_are_few(start) -> None:
    child = start()
    child.ask(1, a_request("obedient"))
    began, count = time.monotonic(), 0
    while time.monotonic() - began < 0.6:
        child.hear_about(1, kinds=("progress",))
        count += 1

    assert count <= 14  # the job makes 30 steps in that time


def test_a_preview_is_sent_when_it_is_asked_for_and_only_then(start) -> None:
    child = start()
    child.ask(1, a_request("showing"))
    before = [child.hear() for _ in range(3)]
    child.send(look_message(1), look_message(99))

    shown = read_preview_message(child.hear_about(1, kinds=("preview",)))
    after = [child.hear() for _ in range(3)]
    child.send(look_message(1))
    newer = read_preview_message(child.hear_about(1, kinds=("preview",)))

    assert {frame.header["type"] for frame in (*before, *after)} == {"progress"}
    assert shown.array.dtype == np.float32
    assert 0 < shown.array[0, 0, 0] < newer.array[0, 0, 0]


def test_a_model_is_loaded_ahead_and_a_model_that_cannot_be_loaded_stops_nothing(start) -> None:
    child = start()
    child.send(load_message("quick"))
    assert child.loaded_models() == ["quick"]
    child.send(load_message("nonesuch"))
    child.ask(1, a_request("quick"))

    assert child.hear_about(1).header["type"] == "result"


def test_of_models_that_wait_to_be_loaded_only_the_last_one_is(start) -> None:
    child = start()
    child.ask(1, a_request("obedient"))
    child.hear_about(1, kinds=("progress",))
    child.send(load_message("quick"), load_message("noisy"), cancel_message(1))
    child.hear_about(1)

    assert child.loaded_models() == ["obedient", "noisy"]


def test_a_job_whose_time_is_not_known_before_says_so(start) -> None:
    child, request = start(), a_request("quick")
    child.send(written(request.image, child.folder), predict_message(1, request))

    error = error_from_message(child.hear_about(1).header["error"])

    assert isinstance(error, InvalidRequest)
    assert "not known before" in error.message


def test_a_waiting_job_is_cancelled_at_once_and_the_running_one_goes_on(start) -> None:
    child = start()
    child.ask(1, a_request("obedient"))
    child.hear_about(1, kinds=("progress",))
    child.ask(2, a_request("quick"))
    began = time.monotonic()
    child.send(cancel_message(2))

    assert isinstance(error_from_message(child.hear_about(2).header["error"]), Cancelled)
    assert time.monotonic() - began < 1.0
    assert child.hear_about(1, kinds=("progress",))


def test_a_cancel_that_comes_too_late_is_ignored(start) -> None:
    child = start()
    child.ask(1, a_request("quick"))
    child.hear_about(1)
    child.send(cancel_message(1), cancel_message(99))
    child.ask(2, a_request("quick"))

    assert child.hear_about(2).header["type"] == "result"


def test_a_mistake_in_a_job_is_named_and_the_process_goes_on(start) -> None:
    child = start()
    child.ask(1, a_request("faulty"))
    child.ask(2, a_request("quick"))

    error = error_from_message(child.hear_about(1).header["error"])

    assert isinstance(error, EngineFault)
    assert "ZeroDivisionError: a mistake in the code" in error.message
    assert child.hear_about(2).header["type"] == "result"
    assert "in faulty" in child.log()


def test_a_request_for_a_volume_that_was_never_sent_asks_for_it(start) -> None:
    child, request = start(), a_request("quick")
    child.send(segment_message(1, request))

    need = child.hear_about(1)
    child.ask(1, request)

    assert need.header == {"type": "need_volume", "number": 1, "image": request.image.fingerprint}
    assert child.hear_about(1).header["type"] == "result"


def test_the_oldest_volume_makes_room(start) -> None:
    child = start()
    for seed in range(VOLUMES_LIMIT + 1):
        child.ask(seed, a_request("quick", seed))
    child.send(segment_message(90, a_request("quick", 0)), segment_message(91, a_request("quick", 1)))

    assert child.hear_about(90).header["type"] == "need_volume"
    assert child.hear_about(91).header["type"] == "result"


def test_a_damaged_volume_counts_as_not_sent(start) -> None:
    child, request = start(), a_request("quick")
    announcement = written(request.image, child.folder)
    Path(announcement.header["path"]).write_bytes(b"")
    child.send(announcement, segment_message(1, request))

    assert child.hear_about(1).header["type"] == "need_volume"
    assert "cannot be opened" in child.log()


def test_a_wrong_field_in_a_request_is_answered_by_name(start) -> None:
    child, request = start(), a_request("quick")
    message = segment_message(1, request)
    message.header["task"]["threshold"] = "half"
    child.send(written(request.image, child.folder), message)

    error = error_from_message(child.hear_about(1).header["error"])

    assert isinstance(error, InvalidRequest)
    assert "threshold" in error.message


@pytest.mark.parametrize("model", [None, "obedient", "deaf"], ids=["idle", "working", "sleeping"])
def test_the_process_ends_when_its_input_is_closed(start, model) -> None:
    child = start()
    child.send(configure_message("cpu", {}))
    child.hear()
    if model:
        child.ask(1, a_request(model))
        time.sleep(0.2)

    child.process.stdin.close()

    assert child.process.wait(timeout=3) == 0


def test_the_process_ends_with_words_when_its_input_is_no_message(start) -> None:
    child = start()
    child.process.stdin.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    child.process.stdin.flush()

    assert child.process.wait(timeout=10) == 1
    assert "EngineFault" in child.log()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no interrupt signal for one process")
def test_an_interrupt_in_the_terminal_is_left_to_the_application(start) -> None:
    child = start()
    child.send(configure_message("cpu", {}))
    child.hear()
    child.process.send_signal(2)
    child.ask(1, a_request("quick"))

    assert child.hear_about(1).header["type"] == "result"


def test_a_job_that_reads_standard_input_does_not_eat_messages(tmp_path) -> None:
    script = tmp_path / "reads.py"
    script.write_text(
        "import sys; from MedSegAICore.engine.child import take_pipes\n"
        "import os; pipes = take_pipes(); print(repr(sys.stdin.read()), file=sys.stderr)\n"
        "os.write(pipes[1], os.read(pipes[0], 9))"
    )
    search = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, str(script)],
        input=b"a message",
        capture_output=True,
        env=os.environ | {"PYTHONPATH": search},
        check=True,
    )

    assert (done.stdout, done.stderr.strip()) == (b"a message", b"''")


def test_one_core_is_left_to_the_application(monkeypatch) -> None:
    from MedSegAICore.engine import threads

    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(threads, "physical_cores", lambda: 8)
    threads.spare_one_core()
    assert os.environ["OMP_NUM_THREADS"] == "7"

    monkeypatch.setattr(threads, "physical_cores", lambda: 4)
    threads.spare_one_core()
    assert os.environ["OMP_NUM_THREADS"] == "7"  # what is set already stays


def test_the_number_of_cores_is_sensible() -> None:
    from MedSegAICore.engine.threads import physical_cores

    assert 1 <= physical_cores() <= os.cpu_count()
