"""The command that learns from examples, with drawn people as files."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from CLI.conftest import loaded
from fakes.people import person
from fakes.people_files import VALUES, write_label_map, write_scan, write_segments
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.images import read_image

collect_ignore = []
if sys.platform != "linux":  # Slicer's runner is reached through exported C++ symbols, which only Linux libraries have
    collect_ignore.append("test_slicer_runs_fewshot.py")
if sys.platform == "win32":  # Windows ends a process without asking it
    collect_ignore.append("test_fewshot_signals.py")


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


def dice_of(labels: Path, seed: int = 3) -> dict[str, float]:
    """Return the Dice of each organ in a label map of the query, or of another person."""
    found, drawn = read_image(labels).array, person(seed)
    scores = {}
    for label, value in VALUES.items():
        inside, truth = found == value, drawn.masks[label].full()
        scores[label] = 2 * (inside & truth).sum() / (inside.sum() + truth.sum())
    assert set(np.unique(found)) == {0, *VALUES.values()}
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
    return project / "MedSegAI" / "CLI" / "MedSegAIFewShot" / "MedSegAIFewShot.py"


@pytest.fixture(scope="session")
def module(script):
    return loaded(script)


@pytest.fixture(scope="session")
def people(tmp_path_factory) -> People:
    made = People(tmp_path_factory.mktemp("people"))
    write_scan(made.first[0], person(0))
    write_label_map(made.first[1], person(0))
    write_scan(made.second[0], person(1))
    write_segments(made.second[1], person(1))
    write_scan(made.query, person(3))
    return made


@pytest.fixture(scope="session")
def learned(module, people, tmp_path_factory) -> Path:
    """A support model of one example, made by the command."""
    file = tmp_path_factory.mktemp("learned") / "organs.safetensors"
    arguments = ("--example", *people.first, "--labels", "liver=1,kidney=5", "--saveModel", file)
    assert module.main([str(argument) for argument in arguments], CancelToken()) == 0
    return file


@pytest.fixture
def no_learning(monkeypatch):
    """Fail where something is learned."""
    monkeypatch.setattr(Engine, "fit", lambda *_: pytest.fail("nothing should be learned here"))


@pytest.fixture
def process(script):
    """Run the command as a program of its own, with one thread for each."""

    def run(*arguments):
        line = [sys.executable, str(script), *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, timeout=120)

    return run
