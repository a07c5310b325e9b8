"""What every test shares: headless rendering, a fixed number of threads, the data beside the project, the skip gate."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine_pace import pace
from skip_gate import SkipGate, read_allowed_skips

# set before any library reads them
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, min(2, os.cpu_count() or 1) // WORKERS)))
# NumPy's and SciPy's threads spin while they wait for each other: on a busy machine that costs tenfold
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

PROJECT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("MEDSEGAI_SHARED", PROJECT.parent / "shared"))
SHARED_IS_ABSENT = "shared data is absent"
RENDERING_IS_MISSING = "the system's rendering libraries are missing"
NEEDS_RENDERING = tuple(PROJECT / "Testing" / name for name in ("Host", "Effects", "Slicer"))
IS_WITHOUT_RENDERING = bool(os.environ.get("MEDSEGAI_WITHOUT_RENDERING"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--allowed-skips", type=Path, metavar="FILE", help="fail on every skip that FILE does not name")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--allowed-skips")
    if file is not None:
        config.pluginmanager.register(SkipGate(read_allowed_skips(file, shared_is_present=SHARED.is_dir())))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what Qt is needed for where dev.py found that it cannot be loaded; opening a file there would fail."""
    return True if IS_WITHOUT_RENDERING and collection_path in NEEDS_RENDERING else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    gated = session.config.getoption("--allowed-skips") is not None
    if gated and IS_WITHOUT_RENDERING and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if IS_WITHOUT_RENDERING:
        for folder in NEEDS_RENDERING:
            left_out = folder.relative_to(PROJECT).as_posix()
            terminalreporter.write_line(f"LEFT OUT {left_out} | {RENDERING_IS_MISSING}", yellow=True)


@pytest.fixture
def nothing_older_is_collected() -> Iterator[None]:
    """Spare the collector of garbage what other tests have loaded: walking through that stops everything for 0.1 s."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def two_network_threads() -> Iterator[None]:
    """Let torch use two threads, whatever the variables of this process say."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def machine_pace() -> float:
    """How many times as long as usual this computer takes at present; limits of seconds are multiplied by it."""
    return pace()


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
