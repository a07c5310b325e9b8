"""The script that sets up a fresh machine, run on a tiny project of its own."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAYS_HELLO = "import sys\nprint('hello', *sys.argv[1:])\n"


@pytest.fixture
def tiny_project(tmp_path: Path, project: Path) -> Path:
    """A project whose environment needs no package, so that setting it up takes seconds."""
    shutil.copy(project / "dev.py", tmp_path)
    (tmp_path / "Testing").mkdir()
    (tmp_path / "Testing" / "constraints.txt").write_text("# nothing\n", encoding="utf-8")
    core = tmp_path / "MedSegAI" / "MedSegAICore"
    core.mkdir(parents=True)
    (core / "__init__.py").touch()
    (core / "demo.py").write_text(SAYS_HELLO, encoding="utf-8")
    return tmp_path


def run_dev(project: Path, *arguments: str) -> tuple[int, str]:
    """Run dev.py without any package index; return the exit status and what it printed."""
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    command = [sys.executable, str(project / "dev.py"), *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_the_demo_runs_in_an_environment_that_is_made_once(tiny_project: Path) -> None:
    status, output = run_dev(tiny_project, "demo", "--output", "there")
    assert status == 0, output
    assert "Installing packages" in output
    assert "hello --output there" in output
    status, output = run_dev(tiny_project, "demo")
    assert status == 0
    assert output.strip() == "hello"


def test_an_installation_that_did_not_finish_is_done_again(tiny_project: Path) -> None:
    run_dev(tiny_project, "demo")
    (tiny_project / ".venv" / "medsegai-state").write_text("installing", encoding="utf-8")
    left_over = tiny_project / ".venv" / "half-written"
    left_over.touch()
    status, output = run_dev(tiny_project, "demo")
    assert status == 0
    assert "did not finish" in output
    assert not left_over.exists()


def test_a_package_that_cannot_be_had_stops_with_advice_and_a_later_run_recovers(tiny_project: Path) -> None:
    pins = tiny_project / "Testing" / "constraints.txt"
    pins.write_text("a-package-that-is-nowhere==1.0\n", encoding="utf-8")
    status, output = run_dev(tiny_project, "demo")
    assert status != 0
    assert "Check the network, then run this again." in output
    assert "Traceback" not in output
    assert "hello" not in output
    pins.write_text("", encoding="utf-8")
    status, output = run_dev(tiny_project, "demo")
    assert status == 0
    assert "hello" in output


def test_the_exit_status_of_the_command_is_passed_on(tiny_project: Path) -> None:
    (tiny_project / "MedSegAI" / "MedSegAICore" / "demo.py").write_text("raise SystemExit(7)\n", encoding="utf-8")
    assert run_dev(tiny_project, "demo")[0] == 7


@pytest.mark.parametrize("arguments", [(), ("dance",)])
def test_an_unknown_command_prints_the_help(tiny_project: Path, arguments: tuple[str, ...]) -> None:
    status, output = run_dev(tiny_project, *arguments)
    assert status == 2
    assert "dev.py demo" in output
    assert not (tiny_project / ".venv").exists()


@pytest.mark.parametrize(("version", "problem"), [((3, 9), "3.9 is too old"), ((3, 99), "3.99 is too new")])
def test_a_python_without_packages_is_refused_by_name(
    project: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], problem: str
) -> None:
    check_python = runpy.run_path(str(project / "dev.py"))["check_python"]
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    with pytest.raises(SystemExit, match=problem):
        check_python()


def test_missing_rendering_libraries_leave_out_tests_aloud(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    can_render = runpy.run_path(str(project / "dev.py"))["can_render"]
    monkeypatch.setitem(can_render.__globals__, "RENDERING_LIBRARIES", ("libNowhere.so.1",))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda _program: None)
    assert not can_render()
    output = capsys.readouterr().out
    assert "lacks libNowhere.so.1: tests that need Qt or draw are left out" in output
    assert "sudo apt-get install" in output


def test_the_script_uses_the_standard_library_alone(project: Path) -> None:
    source = (project / "dev.py").read_text(encoding="utf-8")
    lines = [line.split() for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert {words[1].partition(".")[0] for words in lines} <= sys.stdlib_module_names
