"""The command for plausible masks, with a small denoiser of random weights in place of its usual model."""

from __future__ import annotations

import subprocess
import sys

import pytest
from CLI.conftest import CENTER, loaded
from fakes.diffusion import diffusion_catalogue, write_network
from MedSegAICore.models import catalogue

collect_ignore = []
if sys.platform != "linux":  # Slicer's runner is reached through exported C++ symbols, which only Linux libraries have
    collect_ignore.append("test_slicer_runs_diffusion.py")
if sys.platform == "win32":  # Windows ends a process without asking it
    collect_ignore.append("test_diffusion_signals.py")

QUICK = ("--samples", 3, "--steps", 2)


@pytest.fixture(scope="session")
def script(project):
    return project / "MedSegAI" / "CLI" / "MedSegAIDiffusion" / "MedSegAIDiffusion.py"


@pytest.fixture(scope="session")
def module(script):
    return loaded(script)


@pytest.fixture(scope="session")
def program(project):
    """The same with the small denoiser, for other processes."""
    return project / "Testing" / "fakes" / "diffusion_command.py"


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Its weights."""
    file = tmp_path_factory.mktemp("weights") / "small.safetensors"
    write_network(file)
    return file


@pytest.fixture(autouse=True)
def small_model(monkeypatch):
    """Let the usual name stand for the small denoiser in this process."""
    known = diffusion_catalogue()
    monkeypatch.setattr(catalogue, "load_catalogue", lambda: known)


@pytest.fixture
def box(scan):
    """A ROI around the organ, as Slicer saves it."""
    center = (CENTER * (-1, -1, 1)).tolist()
    upright = [-1, 0, 0, 0, -1, 0, 0, 0, 1]
    return scan.markups("roi", "ROI", CENTER, center=center, orientation=upright, size=[20, 20, 12])


@pytest.fixture
def line(scan, box, weights):
    """The arguments that draw masks quickly."""
    return scan.image, "--box", box, "--weights", weights, *QUICK


@pytest.fixture
def process(program):
    """Run the command as a program of its own."""

    def run(*arguments):
        line = [sys.executable, str(program), *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, timeout=120)

    return run
