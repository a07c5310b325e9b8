"""What goes wrong on a worker of a cluster."""

from __future__ import annotations

import errno
import os
import signal
import time

import pytest
from fakes.models import fake_engine
from MedSegAICore.cohort import case_work
from MedSegAICore.cohort.attempt import attempt
from MedSegAICore.cohort.case_files import HIDDEN
from MedSegAICore.engine.run import Run

STEP = 0.3


def quick(job, versions):
    """Segment with a model that takes no time."""
    return attempt(job, fake_engine(), Run())


def slow(job, versions):
    """Take a moment, so that there is time to end the worker."""
    time.sleep(STEP)
    return quick(job, versions)


def deadly(job, versions):
    """End the worker at one case, every time."""
    if job.case.name == "p1":
        os.kill(os.getpid(), signal.SIGKILL)
    return slow(job, versions)


def torn(job, versions):
    """End the worker in the middle of a draft, the first time."""
    marker = job.folder / HIDDEN / "torn"
    if job.case.name == "p1" and not marker.exists():
        marker.touch()
        case_work.write_image = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    return quick(job, versions)


def full(job, versions):
    """Find the disk full at one case."""
    if job.case.name != "p1":
        return quick(job, versions)
    with pytest.MonkeyPatch.context() as small:
        small.setattr(case_work, "write_image", _refused)
        return quick(job, versions)


def _refused(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def hungry(job, versions):
    """Take all memory at one case."""
    if job.case.name == "p1":
        taken = []
        while True:
            taken.append(b"x" * (16 << 20))
            time.sleep(0.01)
    return quick(job, versions)
