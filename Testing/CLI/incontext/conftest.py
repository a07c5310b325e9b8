"""The command for tasks that grow, with drawn people as files."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import SimpleITK as sitk
from CLI.conftest import loaded
from fakes.people import person
from fakes.people_files import VALUES, write_label_map, write_scan, write_segments
from MedSegAICore.images import read_image

collect_ignore = []
if sys.platform != "linux":  # Slicer's runner is reached through exported C++ symbols, which only Linux libraries have
    collect_ignore.append("test_slicer_runs_incontext.py")

SHAPE = (9, 16, 14)
LABELS = ("--labels", "liver=1,kidney=5")


@dataclass(frozen=True)
class People:
    """Two examples and one image to segment, as files."""

    folder: Path

    @property
    def first(self) -> tuple[Path, Path]:
        return self.folder / "a.nii.gz", self.folder / "a_labels.nii.gz"

    @property
    def second(self) -> tuple[Path, Path]:
        return self.folder / "b.nii.gz", self.folder / "b.seg.nrrd"

    @property
    def query(self) -> Path:
        return self.folder / "q.nii.gz"


def dice_of(labels: Path) -> dict[str, float]:
    """Return the Dice of each organ in a label map of the query."""
    found, drawn, scores = read_image(labels).array, person(3, SHAPE), {}
    for label, value in VALUES.items():
        inside, truth = found == value, drawn.masks[label].full()
        scores[label] = 2 * (inside & truth).sum() / (inside.sum() + truth.sum())
    return scores


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Let ITK use one thread: for small images more of them only wait for each other."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    yield
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


@pytest.fixture(scope="session")
def script(project):
    return project / "MedSegAI" / "CLI" / "MedSegAIInContext" / "MedSegAIInContext.py"


@pytest.fixture(scope="session")
def module(script):
    return loaded(script)


@pytest.fixture(scope="session")
def people(tmp_path_factory) -> People:
    made = People(tmp_path_factory.mktemp("people"))
    write_scan(made.first[0], person(0, SHAPE))
    write_label_map(made.first[1], person(0, SHAPE))
    write_scan(made.second[0], person(1, SHAPE))
    write_segments(made.second[1], person(1, SHAPE))
    write_scan(made.query, person(3, SHAPE))
    return made


@pytest.fixture
def task(tmp_path) -> tuple:
    """The options that name a task in a folder of its own."""
    return "--library", tmp_path / "tasks", "--task", "organs"


@pytest.fixture
def process(script):
    """Run the command as a program of its own."""

    def run(*arguments):
        line = [sys.executable, str(script), *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, timeout=120)

    return run
