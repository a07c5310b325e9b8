"""The command that learns from examples, asked to stop."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest
from CLI.conftest import started
from MedSegAICore.fewshot.learned import passing_folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_ends_learning_and_writes_nothing(people, script, tmp_path, number, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    outputs = ("--labelMap", tmp_path / "labels.nrrd", "--saveModel", tmp_path / "organs.safetensors")
    running = started(script, "--example", *people.first, "--query", people.query, *outputs)
    while "<filter-progress>" not in running.stdout.readline():
        pass
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.startswith("The run was cancelled.")
    assert list(Path(tmp_path).iterdir()) == []


def test_a_killed_run_leaves_no_half_file(people, script, learned, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    outputs = ("--labelMap", tmp_path / "labels.nrrd", "--segmentation", tmp_path / "q.seg.nrrd")
    running = started(script, "--modelFile", learned, "--query", people.query, *outputs)
    while "<filter-progress>" not in running.stdout.readline():
        pass
    running.kill()
    running.communicate(timeout=60)
    assert list(tmp_path.iterdir()) == [temporary]


def test_what_a_killed_run_could_not_remove_is_removed_a_day_later(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, age in (("old", 90000), ("new", 60)):
        left = tmp_path / f"medsegai-learned-{name}"
        left.mkdir()
        (left / "support_model.safetensors").write_bytes(b"voxels")
        os.utime(left, (time.time() - age,) * 2)
    with passing_folder() as folder:
        assert folder.is_dir()
        assert {left.name for left in tmp_path.iterdir()} == {"medsegai-learned-new", folder.name}
    assert not folder.exists()
