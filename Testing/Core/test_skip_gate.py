"""The gate that keeps skipped tests from passing unseen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from skip_gate import read_allowed_skips

SKIPPING_TESTS = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="no scanner at hand")
def test_needs_a_scanner():
    pass

def test_needs_data():
    pytest.skip("shared data is absent")
"""


def run_gated(
    folder: Path, allowed: str, tests: str, shared: Path | None = None, options: tuple[str, ...] = ()
) -> tuple[int, str]:
    """Run `tests` behind the gate in a process of their own; return the exit status and the output."""
    gate = Path(__file__).resolve().parent.parent
    (folder / "conftest.py").write_text((gate / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "test_sample.py").write_text(tests, encoding="utf-8")
    (folder / "allowed.txt").write_text(allowed, encoding="utf-8")
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {gate.as_posix()}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--allowed-skips", "allowed.txt", *options]
    environment = os.environ | {"MEDSEGAI_SHARED": str(shared or folder / "nowhere"), "MEDSEGAI_WITHOUT_RENDERING": ""}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_a_skip_that_is_not_named_fails_the_run(tmp_path: Path, options: tuple[str, ...]) -> None:
    status, output = run_gated(tmp_path, "* | shared data is absent\n", SKIPPING_TESTS, options=options)
    assert status == 1
    assert "SKIP NOT ALLOWED test_sample.py::test_needs_a_scanner | no scanner at hand" in output
    assert "test_needs_data |" not in output


def test_named_skips_pass(tmp_path: Path) -> None:
    allowed = "# known\n\ntest_sample.py::test_needs_a* | no scanner at hand\n* | shared data is absent\n"
    status, output = run_gated(tmp_path, allowed, SKIPPING_TESTS)
    assert status == 0, output


def test_another_reason_than_the_named_one_is_refused(tmp_path: Path) -> None:
    allowed = "test_sample.py::* | it is late\n* | shared data is absent\n"
    status, output = run_gated(tmp_path, allowed, SKIPPING_TESTS)
    assert status == 1
    assert "SKIP NOT ALLOWED test_sample.py::test_needs_a_scanner" in output


@pytest.mark.parametrize(("present", "expected"), [(True, 1), (False, 0)])
def test_absent_data_excuses_only_where_data_is_absent(tmp_path: Path, present: bool, expected: int) -> None:
    allowed = "* | no scanner at hand\n[without shared data] * | shared data is absent\n"
    status, output = run_gated(tmp_path, allowed, SKIPPING_TESTS, shared=tmp_path if present else None)
    assert status == expected, output


def test_an_expected_failure_must_be_named_too(tmp_path: Path) -> None:
    tests = "import pytest\n\n@pytest.mark.xfail(reason='known bug')\ndef test_broken():\n    assert False\n"
    status, output = run_gated(tmp_path, "", tests)
    assert status == 1
    assert "SKIP NOT ALLOWED test_sample.py::test_broken | known bug" in output


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_a_skipped_file_is_seen(tmp_path: Path, options: tuple[str, ...]) -> None:
    tests = "import pytest\n\npytest.skip('whole file', allow_module_level=True)\n"
    status, output = run_gated(tmp_path, "", tests + "\ndef test_nothing():\n    pass\n", options=options)
    assert status != 0
    assert "SKIP NOT ALLOWED test_sample.py | whole file" in output


def test_what_needs_rendering_is_left_out_aloud_and_not_behind_the_gate(project: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--allowed-skips", "Testing/allowed_skips.txt"]
    environment = os.environ | {"MEDSEGAI_WITHOUT_RENDERING": "1"}
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "LEFT OUT Testing/Host | the system's rendering libraries are missing" in done.stdout
    assert "\nTesting/Host/" not in done.stdout
    assert "\nTesting/Mrml/" in done.stdout


def test_a_line_without_a_reason_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "allowed.txt"
    file.write_text("test_a.py::test_b\n", encoding="utf-8")
    with pytest.raises(pytest.UsageError, match="not of the form"):
        read_allowed_skips(file, shared_is_present=True)
