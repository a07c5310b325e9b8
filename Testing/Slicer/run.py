"""Run scenarios inside a real Slicer.

    Slicer --no-splash --additional-module-paths MedSegAI --python-script Testing/Slicer/run.py MODULE

MODULE is one of `scenarios.MODULES`. Slicer ends with 0 if all of them succeed; what fails is printed.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import slicer
from Host.driver import Driver
from Slicer.scenarios import case_of, scenarios_of


def run(name: str) -> list[str]:
    """Run the scenarios of a module, each in a new scene; return the names of those that fail."""
    failed = []
    for scenario in scenarios_of(name):
        driver = Driver()
        driver.close_scene()
        try:
            scenario(case_of(name, driver))
            print(f"passed: {scenario.__name__}")
        except Exception:  # noqa: BLE001 the others are of interest, too
            failed.append(scenario.__name__)
            print(f"FAILED: {scenario.__name__}\n{traceback.format_exc()}")
        finally:
            driver.close_editors()
    return failed


if __name__ == "__main__":
    slicer.util.exit(slicer.util.EXIT_FAILURE if run(sys.argv[-1]) else slicer.util.EXIT_SUCCESS)
