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
os.environ.setdefault("MPLBACKEND", "Agg")

PROJECT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("MEDSEGAI_SHARED", PROJECT.parent / "shared"))
SHARED_IS_ABSENT = "shared data is absent"
RENDERING_IS_MISSING = "the system's rendering libraries are missing"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--allowed-skips", type=Path, metavar="FILE", help="fail on every skip that FILE does not name")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--allowed-skips")
    if file is not None:
        config.pluginmanager.register(SkipGate(read_allowed_skips(file, shared_is_present=SHARED.is_dir())))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not os.environ.get("MEDSEGAI_WITHOUT_RENDERING"):
        return
    for item in items:
        if item.get_closest_marker("rendering"):
            item.add_marker(pytest.mark.skip(reason=RENDERING_IS_MISSING))


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
