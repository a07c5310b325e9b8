"""The command for cohorts, and a small cohort of scans."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from CLI.conftest import loaded
from Core.cohort.conftest import (
    Balls,
    make_balls,
    results_of,
    threads_of_new_processes,  # noqa: F401  holds here, too
)
from MedSegAICore.engine.run import CancelToken

collect_ignore = []
if sys.platform != "linux":  # Slicer's runner is reached through exported C++ symbols, which only Linux libraries have
    collect_ignore.append("test_slicer_runs_cohort.py")
if sys.platform == "win32":  # Windows ends a process without asking it
    collect_ignore.append("test_cohort_signals.py")


@pytest.fixture(scope="session")
def script(project):
    return project / "MedSegAI" / "CLI" / "MedSegAICohort" / "MedSegAICohort.py"


@pytest.fixture(scope="session")
def module(script):
    return loaded(script)


def make_cohort(folder: Path) -> Balls:
    """Write four scans with a table and a recipe; they are the same every time."""
    made = make_balls(folder, 4)
    recipe = {"version": 1, "paradigm": "prompt", "model": "adaptive", "labels": {"ball": 3}}
    (made.folder / "recipe.json").write_text(json.dumps(recipe))
    return made


def line_of(balls: Balls) -> tuple[Path | str, ...]:
    """Return the arguments that run a cohort."""
    return balls.out, "--table", balls.table, "--recipe", balls.folder / "recipe.json"


@pytest.fixture
def balls(tmp_path) -> Balls:
    return make_cohort(tmp_path / "data")


@pytest.fixture
def line(balls):
    return line_of(balls)


@pytest.fixture(scope="module")
def undisturbed(module, tmp_path_factory) -> dict[str, bytes]:
    """The results of a run in which nothing happened."""
    made = make_cohort(tmp_path_factory.mktemp("undisturbed") / "data")
    assert module.main([str(part) for part in line_of(made)], CancelToken()) == 0
    return results_of(made.out)


@pytest.fixture
def process(script):
    """Run the command as a program of its own."""

    def run(*arguments):
        line = [sys.executable, str(script), *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, timeout=120)

    return run
