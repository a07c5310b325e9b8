"""The command that learns from examples, asked to stop."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

import pytest
from CLI.conftest import started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_ends_learning_and_writes_nothing(people, script, tmp_path, number, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    outputs = ("--labelMap", tmp_path / "labels.nrrd", "--saveModel", tmp_path / "organs.safetensors")
    running = started(script, "--example", *people.first, "--query", people.query, *outputs)
    while "<filter-progress>" not in running.stdout.readline():
        pass
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.startswith("The run was cancelled.")
    assert list(Path(tmp_path).iterdir()) == []


def test_a_killed_run_leaves_no_half_file(people, script, learned, tmp_path):
    outputs = ("--labelMap", tmp_path / "labels.nrrd", "--segmentation", tmp_path / "q.seg.nrrd")
    running = started(script, "--modelFile", learned, "--query", people.query, *outputs)
    while "<filter-progress>" not in running.stdout.readline():
        pass
    running.kill()
    running.communicate(timeout=60)
    assert list(tmp_path.iterdir()) == []
