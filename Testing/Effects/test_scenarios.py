"""Every scenario of the AI Prompt effect on the host; a real Slicer runs them by Testing/Slicer/run.py."""

from __future__ import annotations

import pytest
from Slicer.scenarios import scenarios_of

MODULES = ("Effects.scenarios", "Effects.surroundings", "Effects.interruptions")
ALL = [scenario for module in MODULES for scenario in scenarios_of(module)]


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.__name__)
def test_users_find_that(case, scenario) -> None:
    scenario(case)
