"""The AI Prompt effect in the host's Segment Editor, with a real engine process."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from Host.fixtures import *  # noqa: F403  the fixtures of the host, which bring `qt`

EFFECTS = Path(__file__).resolve().parents[2] / "MedSegAI" / "MedSegAIEffects"


@pytest.fixture(scope="session")
def real_engine():
    """One engine process for all tests: starting one takes longer than most of them."""
    from MedSegAILib.gui.engine_process import EngineProcess

    engine = EngineProcess()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")  # for small images more only wait for each other
        yield engine
    engine.stop(500)


@pytest.fixture
def registered(desktop, monkeypatch, real_engine):
    """The effects, registered as the module does it."""
    importlib.import_module("MedSegAIEffects")
    for name in sys.modules["MedSegAIEffects"].__all__:
        monkeypatch.setattr(sys.modules[f"MedSegAIEffects.{name}"], "applicationEngine", lambda: real_engine)
        desktop.register_effect(EFFECTS / f"{name}.py")


@pytest.fixture
def open_case(desktop, registered):
    """Open a volume with a ball in the Segment Editor, the effect active."""
    from Effects.prompt_case import PromptCase

    return lambda **options: PromptCase(desktop, **options)


@pytest.fixture
def case(open_case):
    return open_case()
