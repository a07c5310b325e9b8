"""The command that measures, in place of the one that segments."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from CLI.conftest import loaded
from fakes.ball_set import label_map, write_array

collect_ignore = []
if sys.platform != "linux":  # Slicer's runner is reached through exported C++ symbols, which only Linux libraries have
    collect_ignore.append("test_slicer_runs_evaluate.py")
if sys.platform == "win32":  # Windows ends a process without asking it, and does not tell what it has used
    collect_ignore += ["test_evaluate_signals.py", "test_evaluate_promises.py"]


@pytest.fixture(scope="session")
def script(project):
    return project / "MedSegAI" / "CLI" / "MedSegAIEvaluate" / "MedSegAIEvaluate.py"


@pytest.fixture(scope="session")
def module(script):
    return loaded(script)


@pytest.fixture
def files(tmp_path):
    """A prediction and a reference: the liver is a row off, the spleen is right."""
    return write_array(tmp_path / "mine.nrrd", label_map(1)), write_array(tmp_path / "truth.nii.gz", label_map())


@pytest.fixture
def folders(tmp_path):
    """Three references with two predictions, and one that belongs to nothing."""
    for number in range(3):
        write_array(tmp_path / "truth" / f"case_{number}.nii.gz", label_map())
    for number in range(2):
        write_array(tmp_path / "mine" / f"case_{number}.nrrd", label_map(number))
    write_array(tmp_path / "mine" / "stray.nrrd", np.zeros((2, 2, 2), np.uint8))
    return tmp_path / "mine", tmp_path / "truth"
