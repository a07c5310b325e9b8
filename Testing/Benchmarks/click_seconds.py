"""Measure how soon the default model of prompts answers clicks on slices of 512 x 512 pixels.

    python Testing/Benchmarks/click_seconds.py --threads 2

Each slice of CT is asked about through the engine, as the effect does: a first click in the middle of a structure, and
then a second one. The network is loaded before; nothing is known of a slice. Time is that of the clock from click to
mask, so nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

from Benchmarks.large_ct import Case, slice_case  # noqa: E402  after the path
from MedSegAICore import Engine, PromptTask, SegmentationRequest  # noqa: E402
from MedSegAICore.geometry import VolumeGeometry  # noqa: E402
from MedSegAICore.models.prompt_default import OWN_NETWORK  # noqa: E402
from MedSegAICore.prompts import PointPrompt, Prompt, SlicePlane  # noqa: E402
from MedSegAICore.request import SliceScope  # noqa: E402
from MedSegAICore.volume import ImageVolume  # noqa: E402

STRUCTURES = ("liver", "right kidney")
ANSWERS = ("first click", "second click")


def click_seconds(people: int, threads: int) -> dict[str, list[float]]:
    """Return the seconds of every answer, by what was clicked, on slices of so many people."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        engine, seconds = Engine("cpu"), dict[str, list[float]]()
        _load_network(engine)
        for person in range(people):
            for structure in STRUCTURES:
                case = slice_case(person, structure)
                for clicks, answer in enumerate(ANSWERS, start=1):
                    seconds.setdefault(answer, []).append(_ask(engine, case, clicks))
        return seconds
    finally:
        torch.set_num_threads(before)


def _load_network(engine: Engine) -> None:
    image = ImageVolume(np.eye(9, dtype=np.float32)[None], VolumeGeometry.from_components((1, 9, 9)))
    scope = SliceScope(SlicePlane.of_slice(image.geometry, 0, 0))
    engine.segment(SegmentationRequest(image, PromptTask((PointPrompt((4, 4, 0)),), OWN_NETWORK, scope)))


def _ask(engine: Engine, case: Case, clicks: int) -> float:
    """Return the seconds from the last of some clicks to the mask."""
    prompts: Sequence[Prompt] = case.prompts[1 : 1 + clicks]
    task = PromptTask(tuple(prompts), OWN_NETWORK, SliceScope(case.plane))
    began = time.perf_counter()
    engine.segment(SegmentationRequest(case.image, task))
    return time.perf_counter() - began


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=17)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    for answer, seconds in click_seconds(chosen.people, chosen.threads).items():
        print(f"{answer}: {median(seconds):.3f} s ({min(seconds):.3f} to {max(seconds):.3f}), n = {len(seconds)}")


if __name__ == "__main__":
    main()
