"""What the modules cost when Slicer starts, and what they never load into it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 0.3
START = """
import json, os, sys, time
from pathlib import Path
from Host.desktop import Desktop
from Host.slicer_scene import boot

folder, product = Path(sys.argv[1]), Path(sys.argv[2])
desktop = Desktop(boot(folder))
files = [product / "MedSegAI.py", product / "SegmentEditorMedSegAI.py"]
before, loaded = time.process_time(), set(sys.modules)
desktop.start(folder, files)
seconds, added = time.process_time() - before, sorted(set(sys.modules) - loaded)

from Slicer.module_case import ModuleCase
case = ModuleCase(desktop)
segment_id, _ = case.logic.segment(case.volume, [case.click], case.segmentation, "Ball")
assert segment_id
case.widget.cleanup()
print(json.dumps({"seconds": seconds, "added": added, "later": sorted(sys.modules)}))
sys.stdout.flush()
os._exit(0)
"""


def test_starting_is_quick_and_a_session_loads_no_network_library(tmp_path) -> None:
    command = [sys.executable, "-c", START, str(tmp_path), str(ROOT / "MedSegAI")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "MedSegAI"), str(ROOT / "Testing")))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])

    assert found["seconds"] < MOST_SECONDS
    assert "MedSegAI" in found["added"]
    assert not {"torch", "monai", "segment_anything", "safetensors"} & set(found["later"])
    assert not {"scipy", "SimpleITK"} & set(found["added"])
