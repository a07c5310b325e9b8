"""What the AI In-context effect costs before it is used."""

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
    import MedSegAIEffects, MedSegAILib.gui.incontext_panel
    opened = sorted(set(sys.modules) - before)
    import MedSegAILib.gui.incontext_session
    from MedSegAILib.gui.task_shelf import TaskShelf
    TaskShelf().look()
    print(json.dumps([opened, sorted(set(sys.modules) - before)]))
"""
HEAVY = {"torch", "monai", "segment_anything", "scipy", "safetensors"}


@pytest.fixture(scope="module")
def start():
    """Open the effect in a new process; return the modules, and those once tasks are listed."""
    code = textwrap.dedent(START).format(packages=str(ROOT / "MedSegAI"), testing=str(ROOT / "Testing"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return [{name.split(".")[0] for name in names} for names in json.loads(done.stdout.splitlines()[-1])]


def test_opening_slicer_loads_no_numeric_library(start) -> None:
    assert not (HEAVY | {"SimpleITK"}) & start[0]


def test_listing_tasks_waits_for_no_network(start) -> None:
    assert not HEAVY & start[1]


@pytest.mark.usefixtures("registered", "nothing_older_is_collected")
def test_activating_the_effect_again_takes_no_noticeable_time(desktop) -> None:
    from Effects.incontext_case import InContextCase

    case = InContextCase(desktop)
    case.have_examples(0, 1)
    case.editor.setActiveEffectByName("")
    began = time.process_time()  # another program may have the processor meanwhile
    case.editor.setActiveEffectByName("AI In-context")
    assert time.process_time() - began < 0.3
