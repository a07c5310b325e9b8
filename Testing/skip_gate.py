"""A gate for continuous integration: a test that did not run must be named in a list, with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

WHEN_SHARED_IS_ABSENT = "[without shared data] "


@dataclass(frozen=True)
class AllowedSkip:
    """Tests (a pattern of test ids) that may be skipped for one reason."""

    tests: str
    reason: str

    def covers(self, test: str, reason: str) -> bool:
        return fnmatchcase(test, self.tests) and reason == self.reason


def read_allowed_skips(file: Path, *, shared_is_present: bool) -> tuple[AllowedSkip, ...]:
    """Read lines of the form `pattern of test ids | reason`; `#` starts a comment."""
    allowed = []
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith(WHEN_SHARED_IS_ABSENT):
            if shared_is_present:
                continue
            text = text.removeprefix(WHEN_SHARED_IS_ABSENT)
        tests, separator, reason = text.partition(" | ")
        if not separator:
            message = f"{file.name}: '{line}' is not of the form 'tests | reason'."
            raise pytest.UsageError(message)
        allowed.append(AllowedSkip(tests.strip(), reason.strip()))
    return tuple(allowed)


@dataclass(eq=False)
class SkipGate:
    """Collects what was skipped or expected to fail and turns a green run red if it is not allowed."""

    allowed: tuple[AllowedSkip, ...]
    refused: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._judge(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._judge(report)

    def _judge(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped:
            return
        reason = getattr(report, "wasxfail", None) or _skip_reason(report)
        if not any(skip.covers(report.nodeid, reason) for skip in self.allowed):
            self.refused[report.nodeid] = reason

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.refused and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for test, reason in self.refused.items():
            terminalreporter.write_line(f"SKIP NOT ALLOWED {test} | {reason}", red=True)


def _skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")
