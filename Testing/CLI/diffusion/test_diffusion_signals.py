"""The command for plausible masks asked to stop."""

from __future__ import annotations

import signal

from CLI.conftest import started


def test_a_signal_to_stop_ends_the_run_and_writes_nothing(line, program, scan):
    before = sorted(scan.folder.iterdir())
    running = started(program, *line, "--labelMap", scan.folder / "labels.nrrd", "--samples", 256, "--steps", 500)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.startswith("The run was cancelled.")
    assert sorted(scan.folder.iterdir()) == before
