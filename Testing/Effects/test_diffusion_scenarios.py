"""Every scenario of the AI Diffusion effect on the host; a real Slicer runs them by Testing/Slicer/run.py."""

from __future__ import annotations

import pytest
from Effects.diffusion_fixtures import *  # noqa: F403  small networks
from Slicer.scenarios import case_of, scenarios_of

MODULES = ("Effects.diffusion_scenarios", "Effects.diffusion_interruptions")
ALL = [pytest.param(name, scenario, id=scenario.__name__) for name in MODULES for scenario in scenarios_of(name)]


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize(("module", "scenario"), ALL)
def test_users_find_that(desktop, module, scenario) -> None:
    scenario(case_of(module, desktop))
