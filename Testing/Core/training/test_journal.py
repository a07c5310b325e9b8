"""A training leaves lines to read and curves to look at, also over an interruption."""

from __future__ import annotations

import json

import pytest
from MedSegAICore.training import journal
from MedSegAICore.training.journal import LOG_FILE, Journal


def write(folder, *steps):
    written = Journal(folder)
    for step in steps:
        written.write(step, loss=1 / step, rate=0.123456789)
    written.close()


def test_lines_of_all_runs_follow_each_other(tmp_path):
    write(tmp_path, 1, 3)
    write(tmp_path, 4)
    lines = [json.loads(line) for line in (tmp_path / LOG_FILE).read_text().splitlines()]
    assert lines == [{"step": n, "loss": float(f"{1 / n:.6g}"), "rate": 0.123457} for n in (1, 3, 4)]


def test_tensorboard_shows_the_curves_of_all_runs(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    write(tmp_path, 1, 3)
    write(tmp_path, 4)
    shown = events.EventAccumulator(str(tmp_path))
    shown.Reload()
    assert [(one.step, one.value) for one in shown.Scalars("loss")] == [(n, pytest.approx(1 / n)) for n in (1, 3, 4)]


def test_without_tensorboard_there_are_lines_only(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "find_spec", lambda _name: None)
    write(tmp_path, 2)
    assert [file.name for file in tmp_path.iterdir()] == [LOG_FILE]
