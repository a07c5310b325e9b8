"""The command asked to stop."""

from __future__ import annotations

import signal

import pytest
from CLI.conftest import CENTER, started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_ends_the_run_and_writes_nothing(scan, script, number):
    inside = scan.points("inside", CENTER)
    before = sorted(scan.folder.iterdir())
    running = started(script, scan.image, scan.folder / "labels.nrrd", "--positive", inside)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.startswith("The run was cancelled.")
    assert sorted(scan.folder.iterdir()) == before
