"""Measure what threads of linear algebra cost the adaptive model on a busy computer.

    python Testing/Benchmarks/bench_threads.py

answers clicks on a slice with as many threads as NumPy likes and with one, in turn, while every core works on
something else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before NumPy is imported
    os.environ.pop(variable, None)

import numpy as np  # noqa: E402  after the path
from MedSegAICore.engine import engine as engine_module  # noqa: E402
from MedSegAICore.engine.engine import Engine  # noqa: E402
from MedSegAICore.engine.threads import one_linear_algebra_thread  # noqa: E402
from MedSegAICore.geometry import VolumeGeometry  # noqa: E402
from MedSegAICore.prompts import PointPrompt, SlicePlane  # noqa: E402
from MedSegAICore.request import PromptTask, SegmentationRequest, SliceScope  # noqa: E402
from MedSegAICore.volume import ImageVolume  # noqa: E402


@contextmanager
def busy_cores():
    """Keep every core at work."""
    workers = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def measure(repeats: int = 3) -> dict[str, float]:
    """Return the median seconds of a click with each number of threads."""
    geometry = VolumeGeometry.from_components((3, 512, 512), (0.8, 0.8, 3))
    voxels = np.random.default_rng(0).normal(0, 20, geometry.shape)
    voxels[:, 200:330, 180:300] += 100
    image = ImageVolume(voxels.astype(np.int16), geometry)
    scope, engine = SliceScope(SlicePlane.of_slice(geometry, 0, 1)), Engine()
    seconds = {"as many threads as NumPy likes": [], "one thread": []}
    with busy_cores():
        for n in range(repeats):
            inside, outside = geometry.to_ras([(240 + n, 265, 1), (310, 265, 1)])
            task = PromptTask((PointPrompt(inside), PointPrompt(outside, False)), "adaptive", scope)
            for name, limit in zip(seconds, (nullcontext, one_linear_algebra_thread), strict=True):
                with mock.patch.object(engine_module, "one_linear_algebra_thread", limit):
                    began = time.perf_counter()
                    engine.segment(SegmentationRequest(image, task))
                    seconds[name].append(time.perf_counter() - began)
    return {name: median(times) for name, times in seconds.items()}


def main() -> None:
    for name, seconds in measure().items():
        print(f"{name:32} {seconds * 1e3:6.0f} ms a click")


if __name__ == "__main__":
    main()
