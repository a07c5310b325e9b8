"""The command that measures, asked to stop."""

from __future__ import annotations

import signal

from CLI.conftest import started
from fakes.ball_set import write_ball_set
from MedSegAICore.evaluation.report.results import read_results


def test_a_signal_to_stop_ends_the_run_and_the_same_command_goes_on(tmp_path, script, process):
    described = write_ball_set(tmp_path / "balls", 4)
    line = (
        tmp_path / "out",
        "--models",
        "adaptive",
        "--datasets",
        described,
        "--clicks",
        2,
        "--worst",
        0,
        "--device",
        "cpu",
    )
    running = started(script, *line)
    while "p1" not in running.stdout.readline():
        pass
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.startswith("The run was cancelled.")
    present = (tmp_path / "out" / "records.jsonl").read_bytes()
    assert 2 <= present.count(b"\n") < 5
    assert not (tmp_path / "out" / "table.md").exists()
    finished = process(*line)
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "out" / "records.jsonl").read_bytes().startswith(present)
    assert len(read_results(tmp_path / "out" / "results.json").records) == 4
