"""The scenarios that are written for a real Slicer hold on the host, by the same hands."""

from __future__ import annotations

import re

import pytest
from Host.driver import Driver
from Slicer import run
from Slicer.scenarios import MODULES, case_of, scenarios_of

EDITOR = "Slicer.editor_scenarios"


@pytest.mark.parametrize("scenario", scenarios_of(EDITOR), ids=lambda scenario: scenario.__name__)
def test_the_editor(desktop, scenario) -> None:
    scenario(case_of(EDITOR, desktop))


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_scenarios(name) -> None:
    assert len(scenarios_of(name)) > 5


def test_what_fails_is_named(desktop, monkeypatch, capsys) -> None:
    def fails(case) -> None:
        assert case.voxels().any()

    monkeypatch.setattr(run, "scenarios_of", lambda _name: [fails])

    assert run.run(EDITOR) == ["fails"]
    assert "FAILED: fails" in capsys.readouterr().out


def test_the_runner_uses_the_hands_that_the_host_uses(desktop) -> None:
    assert isinstance(desktop, Driver)
    assert run.Driver is Driver


def test_ctest_runs_every_module_of_scenarios(project) -> None:
    text = (project / "Testing" / "Slicer" / "CMakeLists.txt").read_text(encoding="utf-8")

    assert re.search(r"foreach\(scenarios (.*?)\)", text).group(1).split() == list(MODULES)
