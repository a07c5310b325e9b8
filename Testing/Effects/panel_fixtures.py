"""The module's panel on the host's desktop, for the tests of its parts; `from Effects.panel_fixtures import *`."""

from __future__ import annotations

from pathlib import Path

import pytest
import slicer
from MedSegAICore.models.weights import FOLDER_VARIABLE
from MedSegAILib.gui import installation, module_panel
from MedSegAILib.gui.model_jobs import modelJobs

PRODUCT = Path(__file__).resolve().parents[2] / "MedSegAI"
TESTING = Path(__file__).resolve().parents[1]


@pytest.fixture
def modules():
    return (PRODUCT / "MedSegAI.py",)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The weights folder."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


@pytest.fixture
def process(start):
    """The application's engine process, which knows the fake models."""
    return start()


@pytest.fixture
def quick_inspection(monkeypatch):
    """Do not wait for torch."""
    monkeypatch.setenv("PYTHONPATH", str(TESTING))
    monkeypatch.setattr(installation, "INSPECT", "fakes.errands:inspect")


@pytest.fixture
def open_panel(desktop, folder, monkeypatch):
    """Open the module with an engine process."""
    opened = []
    modelJobs.cache_clear()

    def open_panel(process):
        monkeypatch.setattr(module_panel, "applicationEngine", lambda: process)
        widget = slicer.modules.medsegai.widgetRepresentation().self()
        widget.enter()
        opened.append(widget)
        return widget.panel

    yield open_panel
    for widget in opened:
        widget.exit()
        widget.cleanup()


@pytest.fixture
def panel(open_panel, process, quick_inspection):
    return open_panel(process)


def rows(tree) -> list[list[str]]:
    items = [tree.topLevelItem(row) for row in range(tree.topLevelItemCount)]
    return [[item.text(column) for column in range(tree.columnCount)] for item in items]
