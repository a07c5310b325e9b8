"""What the AI Few-shot effect costs before it is used."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = """
    import json, sys
    sys.path[:0] = [{packages!r}, {testing!r}]
    from Host import application
    import numpy
    before = set(sys.modules)
    import MedSegAIEffects, MedSegAILib.gui.fewshot_panel
    opened = sorted(set(sys.modules) - before)
    import MedSegAILib.gui.fewshot_session
    print(json.dumps([opened, sorted(set(sys.modules) - before)]))
"""
HEAVY = {"torch", "monai", "segment_anything", "scipy", "safetensors"}


@pytest.fixture(scope="module")
def start():
    """Open the effect in a new process; return the modules, and those once it is activated."""
    code = textwrap.dedent(START).format(packages=str(ROOT / "MedSegAI"), testing=str(ROOT / "Testing"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return [{name.split(".")[0] for name in names} for names in json.loads(done.stdout.splitlines()[-1])]


def test_opening_slicer_loads_no_numeric_library(start) -> None:
    assert not (HEAVY | {"SimpleITK"}) & start[0]


def test_activating_the_effect_waits_for_no_learner(start) -> None:
    assert not HEAVY & start[1]


@pytest.mark.usefixtures("registered", "nothing_older_is_collected")
def test_activating_the_effect_again_takes_no_noticeable_time(desktop) -> None:
    from Effects.fewshot_case import FewShotCase

    case = FewShotCase(desktop)
    case.editor.setActiveEffectByName("")
    began = time.perf_counter()
    case.editor.setActiveEffectByName("AI Few-shot")
    assert time.perf_counter() - began < 0.3


@pytest.mark.usefixtures("registered")
def test_the_effect_shows_its_icon_and_help(desktop) -> None:
    from Effects.fewshot_case import FewShotCase

    effect = FewShotCase(desktop).effect
    assert not effect.icon().pixmap(21, 21).isNull()
    assert "Learn" in effect.helpText()
    assert "Not a medical device" in effect.helpText()
