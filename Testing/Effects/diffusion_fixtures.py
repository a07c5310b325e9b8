"""Small diffusion networks for the AI Diffusion effect on the host; `from Effects.diffusion_fixtures import *`."""

from __future__ import annotations

import sys

import pytest
from fakes.diffusion import a_request_to_draw, diffusion_catalogue
from Host.fixtures import FAKE_COMMAND
from MedSegAICore.models.weights import FOLDER_VARIABLE


@pytest.fixture(scope="module")
def drawing_engine(tmp_path_factory):
    """One engine process for all tests of a file, which knows the small networks."""
    from MedSegAILib.gui.engine_process import EngineProcess

    folder = tmp_path_factory.mktemp("weights")
    engine = EngineProcess("cpu", command=[*FAKE_COMMAND, "diffusion"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder))
        engine.segmentAndWait(a_request_to_draw())  # opening torch takes longer than most tests
        yield engine
    engine.stop(500)


@pytest.fixture
def draws(registered, drawing_engine, monkeypatch):
    """The effects, registered; AI Diffusion has the small networks."""
    catalogue = diffusion_catalogue()
    for module in ("model_choice", "model_state"):
        monkeypatch.setattr(f"MedSegAILib.gui.{module}.load_catalogue", lambda: catalogue)
    monkeypatch.setattr(sys.modules["MedSegAIEffects.AIDiffusionEffect"], "applicationEngine", lambda: drawing_engine)
