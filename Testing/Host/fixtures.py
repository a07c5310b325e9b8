"""What tests need of the desktop and of the engine process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fakes.requests import a_request
from Host import application, waiting  # noqa: F401  the first one makes `qt` for all others
from Host.desktop import Desktop
from Host.processes import pid_of
from Host.slicer_scene import boot

FAKES = Path(__file__).resolve().parents[1] / "fakes"
FAKE_COMMAND = [sys.executable, "-u", str(FAKES / "child.py")]


class Answers:
    """What became of one ticket."""

    def __init__(self) -> None:
        self.results, self.errors, self.progress = [], [], []

    @property
    def ended(self) -> bool:
        return bool(self.results or self.errors)

    def ask(self, engine, request) -> int:
        return engine.segment(
            request, self.results.append, self.errors.append, lambda *words: self.progress.append(words)
        )


@pytest.fixture
def wait():
    """Run the event loop until a condition holds; return the seconds it took."""
    return waiting.wait_until


@pytest.fixture
def pause():
    """Run the event loop for some seconds."""
    return waiting.wait


@pytest.fixture
def modules():
    """Files of the scripted modules that the application loads at start; a test file may have its own."""
    return ()


@pytest.fixture
def desktop(tmp_path, monkeypatch, modules):
    """Slicer's desktop with an empty scene; what a callback raises, and the desktop would swallow, fails the test."""
    desktop = Desktop(boot(tmp_path))
    monkeypatch.setattr(sys, "excepthook", desktop.heard_error)
    desktop.start(tmp_path, modules)
    yield desktop
    desktop.quit()
    if desktop.errors:
        raise desktop.errors[0]


@pytest.fixture
def start():
    """Make clients of engine processes that do not outlive the test."""
    from MedSegAILib.gui.engine_process import EngineProcess

    engines = []

    def start(command=FAKE_COMMAND) -> EngineProcess:
        engines.append(EngineProcess(command=list(command)))
        return engines[-1]

    yield start
    for engine in engines:
        engine.stop(500)


@pytest.fixture
def engine(start):
    """A client whose engine process knows the fake models."""
    return start()


@pytest.fixture
def answers():
    """Make collectors of what becomes of tickets."""
    return Answers


@pytest.fixture
def start_job(wait, pause, answers):
    """Ask and wait until the job is at work."""

    def start_job(engine, model: str, **fields):
        pid_of(engine, wait)
        job = answers()
        ticket = job.ask(engine, a_request(model, **fields))
        if model == "obedient":
            wait(lambda: job.progress)
        else:
            pause(0.3)
        return job, ticket

    return start_job
