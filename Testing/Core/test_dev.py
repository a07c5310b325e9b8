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


def make_project(folder: Path) -> Path:
    """Return a project whose environment needs no package, so that setting it up takes seconds."""
    shutil.copy(Path(__file__).resolve().parents[2] / "dev.py", folder)
    (folder / "Testing").mkdir()
    (folder / "Testing" / "constraints.txt").write_text("# nothing\n", encoding="utf-8")
    core = folder / "MedSegAI" / "MedSegAICore"
    core.mkdir(parents=True)
    (core / "__init__.py").touch()
    (core / "demo.py").write_text(SAYS_HELLO, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """A project after its first demo, with the exit status and what was printed."""
    project = make_project(tmp_path_factory.mktemp("project"))
    return project, *run_dev(project, "demo", "--output", "there")


@pytest.fixture
def set_up_project(tmp_path: Path, first_run: tuple[Path, int, str]) -> Path:
    """A copy of the project with its environment."""
    return Path(shutil.copytree(first_run[0], tmp_path / "project", symlinks=True))


def run_dev(project: Path, *arguments: str) -> tuple[int, str]:
    """Run dev.py without any package index; return the exit status and what it printed."""
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    command = [sys.executable, str(project / "dev.py"), *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_the_demo_runs_in_an_environment_that_is_made_once(first_run: tuple[Path, int, str]) -> None:
    project, status, output = first_run
    assert status == 0, output
    assert "Installing packages" in output
    assert "hello --output there" in output
    status, output = run_dev(project, "demo")
    assert status == 0
    assert output.strip() == "hello"


def test_an_installation_that_did_not_finish_is_done_again(set_up_project: Path) -> None:
    (set_up_project / ".venv" / "medsegai-state").write_text("installing", encoding="utf-8")
    left_over = set_up_project / ".venv" / "half-written"
    left_over.touch()
    status, output = run_dev(set_up_project, "demo")
    assert status == 0
    assert "did not finish" in output
    assert not left_over.exists()


def test_a_package_that_cannot_be_had_stops_with_advice_and_a_later_run_recovers(set_up_project: Path) -> None:
    pins = set_up_project / "Testing" / "constraints.txt"
    pins.write_text("a-package-that-is-nowhere==1.0\n", encoding="utf-8")
    status, output = run_dev(set_up_project, "demo")
    assert status != 0
    assert "Check the network, then run this again." in output
    assert "Traceback" not in output
    assert "hello" not in output
    pins.write_text("", encoding="utf-8")
    status, output = run_dev(set_up_project, "demo")
    assert status == 0
    assert "hello" in output


def test_the_exit_status_of_the_command_is_passed_on(set_up_project: Path) -> None:
    demo = set_up_project / "MedSegAI" / "MedSegAICore" / "demo.py"
    demo.write_text("raise SystemExit(7)\n", encoding="utf-8")
    assert run_dev(set_up_project, "demo")[0] == 7


@pytest.mark.parametrize("arguments", [(), ("dance",)])
def test_an_unknown_command_prints_the_help(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    project = make_project(tmp_path)
    status, output = run_dev(project, *arguments)
    assert status == 2
    assert "dev.py demo" in output
    assert not (project / ".venv").exists()


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
