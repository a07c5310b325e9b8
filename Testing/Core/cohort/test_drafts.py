"""Drafts of results: those of living writers stay, all others go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from MedSegAICore.cohort.drafts import draft_folder, remove_abandoned
from MedSegAICore.cohort.folder_lock import held

WRITER = """
import sys
from pathlib import Path
from MedSegAICore.cohort.drafts import draft_folder
with draft_folder(Path(sys.argv[1])) as folder:
    (folder / "draft.seg.nrrd").write_bytes(b"half")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def staging(tmp_path):
    folder = tmp_path / "out" / ".cohort" / "staging"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def writer(staging, project):
    """A program that is in the middle of a draft."""
    environment = {**os.environ, "PYTHONPATH": str(project / "MedSegAI")}
    line = [sys.executable, "-c", WRITER, str(staging)]
    pipe = subprocess.PIPE
    running = subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True, env=environment)
    running.stdout.readline()
    yield running
    running.kill()
    running.communicate()


def test_a_draft_is_gone_when_its_block_ends(staging):
    with draft_folder(staging) as folder:
        (folder / "draft.png").touch()
    assert not list(staging.iterdir())
    with pytest.raises(ZeroDivisionError), draft_folder(staging):
        _ = 1 / 0
    assert not list(staging.iterdir())


def test_only_the_draft_of_a_killed_writer_is_removed(staging, writer):
    with draft_folder(staging) as living:
        remove_abandoned(staging)
        assert len([path for path in staging.iterdir() if path.is_dir()]) == 2
        os.kill(writer.pid, signal.SIGTERM)
        writer.wait()
        remove_abandoned(staging)
        assert sorted(staging.iterdir()) == [living, living.with_suffix(".lock")]
    remove_abandoned(staging)
    assert not list(staging.iterdir())


def test_a_draft_without_a_lock_has_no_writer(staging):
    (staging / "left").mkdir()
    (staging / "other.lock").touch()
    remove_abandoned(staging)
    assert not list(staging.iterdir())
    remove_abandoned(staging / "nowhere")


def test_a_run_that_ends_removes_what_its_dead_workers_have_left(staging):
    with held(staging.parents[1]):
        staging.mkdir()
        (staging / "left").mkdir()
    assert not list(staging.iterdir())
