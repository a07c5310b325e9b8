"""The scenarios of the module that are written for a real Slicer hold on the host, with the real engine process."""

from __future__ import annotations

from pathlib import Path

import pytest
import slicer
from MedSegAILib.gui import installation
from Slicer.scenarios import case_of, scenarios_of

SCENARIOS = "Slicer.module_scenarios"
PRODUCT = Path(__file__).resolve().parents[2] / "MedSegAI"


@pytest.fixture
def modules():
    return (PRODUCT / "MedSegAI.py",)


@pytest.fixture(scope="module")
def one_engine():
    """The application's engine process, which is one for all scenarios as it is in Slicer."""
    from MedSegAILib.gui.application_engine import applicationEngine

    yield
    applicationEngine().stop(500)


@pytest.fixture
def open_case(desktop, monkeypatch, one_engine):
    """Open the module; what torch finds on this computer is not waited for."""
    monkeypatch.setenv("PYTHONPATH", str(PRODUCT.parent / "Testing"))
    monkeypatch.setattr(installation, "INSPECT", "fakes.errands:inspect")
    yield lambda: case_of(SCENARIOS, desktop)
    slicer.modules.medsegai.widgetRepresentation().self().cleanup()


@pytest.mark.parametrize("scenario", scenarios_of(SCENARIOS), ids=lambda scenario: scenario.__name__)
def test_the_module(open_case, scenario) -> None:
    scenario(open_case())
