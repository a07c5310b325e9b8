"""Measure the adaptive model's promises: click to mask on a slice, memory of a large volume, time to stop.

    python Testing/Benchmarks/bench_adaptive.py

prints one table. The images are the real CTs beside the project: slices of 512x512, and a CT brought to
512x512x300 voxels. Seconds are of processor time, so that other programs on the computer matter little.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

import numpy as np  # noqa: E402  after the path
from Benchmarks.large_ct import CASES, LARGE_SHAPE, Case, large_case, slice_case  # noqa: E402
from MedSegAICore import (  # noqa: E402
    Engine,
    ImageVolume,
    PointPrompt,
    PromptTask,
    SegmentationRequest,
    VolumeGeometry,
)
from MedSegAICore.engine.run import CancelToken  # noqa: E402
from MedSegAICore.errors import Cancelled  # noqa: E402
from MedSegAICore.evaluation.peak_memory import peak_bytes  # noqa: E402
from MedSegAICore.request import SliceScope  # noqa: E402

SEED = 20
FLOAT32_MEGABYTES = 4 * float(np.prod(LARGE_SHAPE)) / 1e6
MEMORY_LIMIT = 3 * FLOAT32_MEGABYTES + 300


@dataclass
class WatchedToken(CancelToken):
    """A token that notes the longest stretch of processor time in which nobody looked at it, and where it ended."""

    longest: float = 0.0
    where: str = ""
    _last: float = field(default_factory=time.process_time)

    def __post_init__(self) -> None:
        super().__init__()

    @property
    def is_cancelled(self) -> bool:
        now = time.process_time()
        if now - self._last > self.longest:
            self.longest = now - self._last
            frames = traceback.extract_stack(limit=5)[:-1]
            self.where = " > ".join(f"{Path(frame.filename).stem}:{frame.lineno}" for frame in frames)
        self._last = time.process_time()
        return False


@dataclass(frozen=True)
class Figures:
    """What one run measured: seconds of processor time, and megabytes."""

    slice_seconds: dict[str, float]
    volume_seconds: dict[str, tuple[float, float]]
    megabytes: dict[str, float]
    unwatched_seconds: dict[str, tuple[float, str]]
    stop_seconds: list[float]

    def table(self) -> str:
        """Return all figures with their promises."""
        stops = ", ".join(f"{second:.2f}" for second in sorted(self.stop_seconds))
        rows = [
            *((f"slice 512x512, {name}", f"{s:.3f} s", "<= 0.25 s") for name, s in self.slice_seconds.items()),
            *(
                (f"volume 512x512x300, {name}", f"{first:.2f} s", f"next click {then:.2f} s")
                for name, (first, then) in self.volume_seconds.items()
            ),
            *(
                (f"peak memory, {name}", f"{size:.0f} MB", f"<= {MEMORY_LIMIT:.0f} MB")
                for name, size in self.megabytes.items()
            ),
            *(
                (f"longest stretch without a look at cancel, {name}", f"{s:.3f} s", f"<= 0.3 s, ends at {where}")
                for name, (s, where) in self.unwatched_seconds.items()
            ),
            (
                f"longest of {len(self.stop_seconds)} stops",
                f"{max(self.stop_seconds):.3f} s",
                f"<= 0.3 s, all: {stops}",
            ),
        ]
        return "\n".join(f"{what:58} {value:>10}  {promise}" for what, value, promise in rows)


def processor_seconds(job: Callable[[], object]) -> float:
    """Return the processor time that a job takes [s]."""
    began = time.process_time()
    job()
    return time.process_time() - began


def measure(repeats: int = 5, stops: int = 20) -> Figures:
    """Return all figures."""
    large = large_case("liver")
    return Figures(
        slice_seconds=slice_seconds(repeats),
        volume_seconds={name: volume_seconds(name) for name in CASES},
        megabytes={name: peak_megabytes(name) for name in ("box and clicks", "click")},
        unwatched_seconds={
            "first answer": unwatched(large, 1),
            "box and clicks": unwatched(large, len(large.prompts)),
        },
        stop_seconds=stop_seconds(large, stops),
    )


def slice_seconds(repeats: int) -> dict[str, float]:
    """Return the median time from prompts to mask on slices, by what was prompted."""
    seconds: dict[str, list[float]] = {}
    for turn in range(repeats + 1):
        for name in ("right kidney", "liver"):
            case = slice_case(turn, name)
            engine = Engine()
            for what, prompts in (
                ("first click", case.prompts[1:2]),
                ("second click", case.prompts[1:3]),
                ("box", case.prompts[:1]),
                ("box and click", case.prompts[:2]),
            ):
                task = PromptTask(prompts, "adaptive", SliceScope(case.plane))
                spent = processor_seconds(
                    lambda task=task, e=engine, c=case: e.segment(SegmentationRequest(c.image, task))
                )
                if turn:  # the first turn imports
                    seconds.setdefault(f"{what}, {name}", []).append(spent)
    return {name: median(values) for name, values in seconds.items()}


def volume_seconds(name: str) -> tuple[float, float]:
    """Return the time of the answer to a box and of that to one click more on the large volume."""
    case = large_case(name)
    engine = Engine()
    first = processor_seconds(
        lambda: engine.segment(SegmentationRequest(case.image, PromptTask(case.prompts[:1], "adaptive")))
    )
    then = processor_seconds(
        lambda: engine.segment(SegmentationRequest(case.image, PromptTask(case.prompts[:2], "adaptive")))
    )
    return first, then


def unwatched(case: Case, prompts: int) -> tuple[float, str]:
    """Return the longest stretch of one run in which nobody looked at the token, and where it ended."""
    _warm_up()  # the first run of a process imports its libraries
    token = WatchedToken()
    Engine().segment(SegmentationRequest(case.image, PromptTask(case.prompts[:prompts], "adaptive")), cancel=token)
    return token.longest, token.where


def _warm_up() -> None:
    image = ImageVolume(np.eye(9, dtype=np.float32)[None], VolumeGeometry.from_components((1, 9, 9)))
    Engine().segment(SegmentationRequest(image, PromptTask((PointPrompt((4, 4, 0)),), "adaptive")))


def stop_seconds(case: Case, stops: int) -> list[float]:
    """Return how long runs that are cancelled at random moments take to stop."""
    request = SegmentationRequest(case.image, PromptTask(case.prompts, "adaptive"))
    whole = time.perf_counter()
    Engine().segment(request)
    whole = time.perf_counter() - whole
    random = np.random.default_rng(SEED)
    return [one for moment in random.uniform(0, whole, stops) if (one := _stop(request, float(moment))) is not None]


def _stop(request: SegmentationRequest, moment: float) -> float | None:
    """Return the processor time from a cancel after `moment` seconds to the end; None if it ended before."""
    token, cancelled_at = CancelToken(), []

    def cancel() -> None:
        token.cancel()
        cancelled_at.append(time.process_time())

    timer = threading.Timer(moment, cancel)
    timer.start()
    try:
        Engine().segment(request, cancel=token)
    except Cancelled:
        return time.process_time() - cancelled_at[0]
    finally:
        timer.cancel()
        timer.join()
    return None


def peak_megabytes(what: str) -> float:
    """Return the peak of a fresh process that answers prompts in the large volume."""
    done = subprocess.run([sys.executable, __file__, "--memory", what], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["megabytes"])


def _answer_and_print_memory(what: str) -> None:
    case = large_case("liver")
    engine = Engine()
    answers = [case.prompts[1:2]] if what == "click" else [case.prompts[:n] for n in (1, 2, 3, 4)]
    for prompts in answers:
        engine.segment(SegmentationRequest(case.image, PromptTask(prompts, "adaptive")))
    print(json.dumps({"megabytes": peak_bytes() / 1e6}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="slices per structure; the median counts")
    parser.add_argument("--stops", type=int, default=20, help="runs that are cancelled at random moments")
    parser.add_argument("--memory", metavar="WHAT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        _answer_and_print_memory(arguments.memory)
        return
    threads = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or "all"
    print(f"adaptive model, {threads} threads of linear algebra, seed {SEED}")
    print(measure(arguments.repeats, arguments.stops).table())


if __name__ == "__main__":
    main()
