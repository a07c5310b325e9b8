"""What every test shares: headless rendering, a fixed number of threads, the data beside the project, the skip gate."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from skip_gate import SkipGate, read_allowed_skips

# set before any library reads them
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
os.environ.setdefault("OMP_NUM_THREADS", str(min(2, os.cpu_count() or 1)))
# NumPy's and SciPy's threads spin while they wait for each other: on a busy machine that costs tenfold
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

PROJECT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("MEDSEGAI_SHARED", PROJECT.parent / "shared"))
SHARED_IS_ABSENT = "shared data is absent"
RENDERING_IS_MISSING = "the system's rendering libraries are missing"
LEFT_OUT = pytest.StashKey[str]()
NEEDS_RENDERING = PROJECT / "Testing" / "Host"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--allowed-skips", type=Path, metavar="FILE", help="fail on every skip that FILE does not name")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--allowed-skips")
    if file is not None:
        config.pluginmanager.register(SkipGate(read_allowed_skips(file, shared_is_present=SHARED.is_dir())))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what Qt is needed for where dev.py found that it cannot be loaded; opening a file there would fail."""
    if collection_path != NEEDS_RENDERING or not os.environ.get("MEDSEGAI_WITHOUT_RENDERING"):
        return None
    config.stash[LEFT_OUT] = f"{collection_path.relative_to(PROJECT).as_posix()} | {RENDERING_IS_MISSING}"
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    gated = session.config.getoption("--allowed-skips") is not None
    if gated and LEFT_OUT in session.config.stash and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if LEFT_OUT in config.stash:
        terminalreporter.write_line(f"LEFT OUT {config.stash[LEFT_OUT]}", yellow=True)


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real images and reference outputs beside the project."""
    if not SHARED.is_dir():
        pytest.skip(SHARED_IS_ABSENT)
    return SHARED
