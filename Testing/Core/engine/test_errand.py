"""One function in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from MedSegAICore.engine.errand import START, read_answer, read_progress, run_errand
from MedSegAICore.engine.inspection import Inspection
from MedSegAICore.errors import Cancelled, EngineFault, WeightsMissing

TESTING = Path(__file__).resolve().parents[2]
PACKAGES = TESTING.parent / "MedSegAI"


def run(function: str, folder: Path, **arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", START, str(PACKAGES), function, json.dumps(arguments)]
    environment = os.environ | {"PYTHONPATH": str(TESTING)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=60)


def test_what_the_function_returns_comes_back_though_it_prints(tmp_path) -> None:
    done = run("fakes.errands:say", tmp_path, words="ä and 1")

    assert read_answer(done.stdout) == {"said": "ä and 1"}
    assert b"a library prints" in done.stderr
    assert b"so does native code" in done.stderr


def test_a_named_error_keeps_its_name_and_advice(tmp_path) -> None:
    with pytest.raises(WeightsMissing, match=r"Nothing here\. Look elsewhere\."):
        read_answer(run("fakes.errands:refuse", tmp_path).stdout)


def test_any_other_error_is_told_and_its_trace_is_kept(tmp_path) -> None:
    done = run("fakes.errands:fail", tmp_path)

    with pytest.raises(EngineFault, match="ZeroDivisionError: a mistake"):
        read_answer(done.stdout)
    assert b"Traceback" in done.stderr


def test_a_crash_is_told() -> None:
    with pytest.raises(EngineFault, match="without an answer"):
        read_answer(b"")


def test_files_of_the_current_folder_are_not_taken_for_packages(tmp_path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")

    assert run("fakes.errands:say", tmp_path, words="").returncode == 0


def test_the_computer_is_described_in_plain_values() -> None:
    answer = json.loads(json.dumps(run_errand("MedSegAICore.engine.inspection:inspect_computer", {})))

    inspection = Inspection.from_dict(answer["result"])
    assert inspection.torch_version
    assert inspection.torch_error == ""
    assert inspection.devices[0].name == "cpu"
    assert "core" in inspection.devices[0].title


def test_a_missing_torch_is_no_error_but_a_damaged_one_is(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    missing = Inspection.from_dict(run_errand("MedSegAICore.engine.inspection:inspect_computer", {})["result"])

    assert missing.torch_version == ""
    assert missing.gpus == ()


def test_progress_comes_before_the_answer(tmp_path) -> None:
    command = [sys.executable, "-c", START, str(PACKAGES), "fakes.errands:tell", "{}"]
    environment = os.environ | {"PYTHONPATH": str(TESTING)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        lines = list(process.stdout)

    told = [read_progress(line) for line in lines]
    assert told[0] == (0.0, "step 0")
    assert len(told) > 3
    assert told[-1] is None
    assert read_answer(b"".join(lines)) == "told"


def test_closing_the_input_cancels_what_listens(tmp_path) -> None:
    command = [sys.executable, "-c", START, str(PACKAGES), "fakes.errands:obey", "{}"]
    environment = os.environ | {"PYTHONPATH": str(TESTING)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdin.close()
        rest = process.stdout.read()

    with pytest.raises(Cancelled):
        read_answer(rest)


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"progress": 1}', b'{"progress": ["a", "b"]}', b'{"result": 1}'])
def test_what_is_no_progress_is_told_apart(line) -> None:
    assert read_progress(line) is None
