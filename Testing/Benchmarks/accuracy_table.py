"""Measure how good the adaptive model is with one box and up to ten clicks, beside two classic methods.

    python Testing/Benchmarks/accuracy_table.py
    python Testing/Benchmarks/accuracy_table.py --more

Every prompt is placed by rule: a box on the middle slice, then each click where the error of the method's own
last answer is thickest. Settings are the same for all structures. The first table is of the structures that
promises are made about, with a random walker and region growing as rows; `--more` is of other images, where
nothing is promised.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

from Benchmarks import baselines  # noqa: E402  after the path
from Benchmarks.accuracy_sets import Structure, others, promised  # noqa: E402
from MedSegAICore import PromptTask, SegmentationRequest  # noqa: E402
from MedSegAICore.engine.cache import ByteBoundedCache  # noqa: E402
from MedSegAICore.engine.run import Run  # noqa: E402
from MedSegAICore.evaluation.click_curve import Mask, click_curve  # noqa: E402
from MedSegAICore.models.catalogue import load_catalogue  # noqa: E402
from MedSegAICore.prompt.adaptive.segmenter import AdaptiveSegmenter  # noqa: E402
from MedSegAICore.prompt.adaptive.settings import AdaptiveSettings  # noqa: E402
from MedSegAICore.prompt.paradigm import segment_prompts  # noqa: E402
from MedSegAICore.prompts import Prompt  # noqa: E402
from MedSegAICore.volume import ImageVolume  # noqa: E402

DATA = Path(os.environ.get("MEDSEGAI_SHARED", ROOT.parent / "shared")) / "data"
CLICKS = 10
CACHE_BYTES = 1 << 30
SHOWN = (0, 1, 3, 5, 10)
"""Numbers of clicks with a column of their own."""

Method = Callable[[ImageVolume, tuple[Prompt, ...]], Mask]
Row = tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """What one method made of one structure: Dice after the box and each click, time per answer [s], prompts."""

    structure: str
    method: str
    dice: tuple[float, ...]
    seconds: tuple[float, ...]
    prompts: tuple[Prompt, ...]

    def after(self, clicks: int) -> float:
        """Return the Dice after so many clicks; a perfect answer ends the clicks early."""
        return self.dice[min(clicks, len(self.dice) - 1)]


def adaptive(settings: AdaptiveSettings | None = None) -> Method:
    """Return the adaptive model with some settings; it remembers what it saw, as in the program."""
    spec = load_catalogue()["adaptive"]
    model = AdaptiveSegmenter(
        spec.name, spec.capabilities, ByteBoundedCache(CACHE_BYTES), settings or AdaptiveSettings()
    )

    def segment(image: ImageVolume, prompts: tuple[Prompt, ...]) -> Mask:
        return segment_prompts(SegmentationRequest(image, PromptTask(prompts)), model, Run()).mask.full()

    return segment


def methods() -> dict[str, Method]:
    """Return the rows of the first table by name."""
    return {"adaptive": adaptive(), "random walker": baselines.walk, "region growing": baselines.grow}


def score(structure: Structure, name: str, method: Method, clicks: int, seed: int | None = None) -> Score:
    """Return what a method makes of a structure; its time is the processor's, as others may use it too."""
    seconds = []

    def timed(prompts: tuple[Prompt, ...]) -> Mask:
        began = time.process_time()
        mask = method(structure.image, prompts)
        seconds.append(time.process_time() - began)
        return mask

    curve = click_curve(structure.image, structure.truth, timed, clicks, seed)
    return Score(structure.name, name, curve.dice, tuple(seconds), curve.prompts)


def rows_of(scores: Sequence[Score], shown: Sequence[int]) -> list[Row]:
    """Return the cells of the scores, then of each method's mean and worst."""
    rows = [_row(one.structure, one.method, [one.after(n) for n in shown], one.seconds) for one in scores]
    for method in dict.fromkeys(one.method for one in scores):
        of_method = [one for one in scores if one.method == method]
        seconds = [second for one in of_method for second in one.seconds]
        for name, summary in (("mean", mean), ("worst", min)):
            rows.append(_row(name, method, [summary(one.after(n) for one in of_method) for n in shown], seconds))
    return rows


def _row(structure: str, method: str, dice: Iterable[float], seconds: Sequence[float]) -> Row:
    return (structure, method, *(f"{value:.3f}" for value in dice), f"{median(seconds):.2f}", f"{max(seconds):.2f}")


def header(shown: Sequence[int]) -> Row:
    """Return the names of the columns."""
    clicks = ["box" if n == 0 else f"{n} click{'s' if n > 1 else ''}" for n in shown]
    return ("structure", "method", *clicks, "median s", "longest s")


def markdown(rows: Sequence[Row]) -> str:
    """Return the table as Markdown whose columns also line up as plain text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (n + 2) for n in widths) + "|", *lines[1:]])


def measure(more: bool, clicks: int, seed: int | None) -> list[Score]:
    """Return the scores of the first table, or of the one of other images."""
    if more:
        method = adaptive()
        return [told(score(structure, "adaptive", method, clicks, seed)) for structure in others(DATA)]
    return [
        told(score(structure, name, method, clicks, seed))
        for structure in promised(DATA)
        for name, method in methods().items()
    ]


def told(one: Score) -> Score:
    print(f"{one.structure}, {one.method}: {one.dice[0]:.3f} to {one.dice[-1]:.3f}", file=sys.stderr)
    return one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--more", action="store_true", help="other images, the adaptive model alone")
    parser.add_argument("--clicks", type=int, default=CLICKS, help="clicks after the box")
    parser.add_argument("--seed", type=int, help="draw among equally deep places; the middle one without it")
    parser.add_argument("--csv", type=Path, help="also write the table here")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="skimage")  # the random walker's probabilities overshoot by a hair
    shown = [n for n in ((0, 5, 10) if arguments.more else SHOWN) if n <= arguments.clicks]
    scores = measure(arguments.more, arguments.clicks, arguments.seed)
    table = [header(shown), *rows_of(scores, shown)]
    seed = "none" if arguments.seed is None else arguments.seed
    print(f"python Testing/Benchmarks/accuracy_table.py {' '.join(sys.argv[1:])}".rstrip())
    print(f"set: {'other images' if arguments.more else 'ct_abdomen_volume'}, seed: {seed}; seconds of processor time")
    print(f"\n{markdown(table)}")
    if arguments.csv:
        with arguments.csv.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(table)


if __name__ == "__main__":
    main()
