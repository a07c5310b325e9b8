"""What the effects cost before they are used, and what they never load."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = """
    import json, sys, time
    sys.path[:0] = [{packages!r}, {testing!r}]
    from Host import application
    import numpy
    before = set(sys.modules)
    began = time.perf_counter()
    import MedSegAIEffects
    from MedSegAILib.gui.prompt_panel import PromptPanel
    seconds = time.perf_counter() - began
    opened = sorted(set(sys.modules) - before)
    import MedSegAILib.gui.prompt_mouse, MedSegAILib.gui.prompt_session
    print(json.dumps([seconds, opened, sorted(set(sys.modules) - before)]))
"""


@pytest.fixture(scope="module")
def start():
    """Open the effects and their panels in a new process; return the seconds, the modules, and those once activated."""
    code = textwrap.dedent(START).format(packages=str(ROOT / "MedSegAI"), testing=str(ROOT / "Testing"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout.splitlines()[-1])


def test_opening_slicer_loads_no_numeric_library(start) -> None:
    _, modules, _ = start
    assert not {"torch", "monai", "segment_anything", "scipy", "SimpleITK"} & {name.split(".")[0] for name in modules}


def test_opening_slicer_takes_no_noticeable_time(start) -> None:
    seconds, _, _ = start
    assert seconds < 0.3


def test_activating_the_effect_does_not_wait_for_scipy(start) -> None:
    *_, modules = start
    assert "MedSegAILib.gui.prompt_session" in modules
    assert not {"torch", "monai", "segment_anything", "scipy"} & {name.split(".")[0] for name in modules}


def test_every_effect_is_found_by_the_name_of_its_file(desktop, registered) -> None:
    import MedSegAIEffects

    files = {file.stem for file in (ROOT / "MedSegAI" / "MedSegAIEffects").glob("*Effect.py")}
    assert set(MedSegAIEffects.__all__) == files


def test_a_second_editor_has_an_effect_of_its_own(case, open_case) -> None:
    other = open_case()
    case.prompt()
    assert other.effect is not case.effect
    assert other.session.promptCount == 0


def test_the_effect_shows_its_icon_and_help(case) -> None:
    assert not case.effect.icon().pixmap(21, 21).isNull()
    assert "Ctrl" in case.effect.helpText()
    assert "Not a medical device" in case.effect.helpText()


def test_a_model_without_its_weights_says_so_and_does_not_run(case, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MEDSEGAI_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    case.editor.setActiveEffectByName("")
    case.editor.setActiveEffectByName("AI Prompt")
    names = [case.ui.modelSelector.itemText(index) for index in range(case.ui.modelSelector.count)]
    needing = next(index for index, name in enumerate(names) if "needs download" in name)
    case.prompt()

    case.ui.modelSelector.currentIndex = needing

    assert "Needs its weights" in case.ui.modelStateLabel.text
    assert not case.ui.pointToolButton.enabled
    assert not case.session.runs.isRunning
    case.click((55, 50, 10))
    assert case.session.promptCount == 1
    assert "weights" in case.ui.runStatusLabel.text


def test_a_slow_run_shows_its_progress(case, monkeypatch) -> None:
    assert case.ui.runProgressBar.isHidden()
    runs = SimpleNamespace(isRunning=True, isSlow=True, progress=(0.4, "Slice 4 of 10"))

    with monkeypatch.context() as patch:
        patch.setattr(case.session, "_runs", runs)
        case.effect.panel.show(case.session)

    assert not case.ui.runProgressBar.isHidden()
    assert case.ui.runProgressBar.value == 40
    assert case.ui.runStatusLabel.text == "Slice 4 of 10"
    assert case.ui.cancelRunButton.enabled
