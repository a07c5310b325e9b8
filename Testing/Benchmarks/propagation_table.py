"""Compare what follows from one box on a slice: the network from slice to slice, and the adaptive model.

    python Testing/Benchmarks/propagation_table.py --people 12

The box lies around the middle slice of each structure of `mr_hippocampus`, on which no weights are trained.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI")]

from MedSegAICore.engine.engine import Engine  # noqa: E402  after the path
from MedSegAICore.evaluation.datasets.dataset import Case, load_dataset  # noqa: E402
from MedSegAICore.evaluation.datasets.split import capped_subjects  # noqa: E402
from MedSegAICore.evaluation.metrics.pair import MaskPair  # noqa: E402
from MedSegAICore.evaluation.metrics.registry import dice  # noqa: E402
from MedSegAICore.evaluation.next_click import first_box  # noqa: E402
from MedSegAICore.evaluation.statistics import mean_with_interval  # noqa: E402
from MedSegAICore.request import Method, PromptTask, SegmentationRequest, VolumeScope  # noqa: E402

DATA = Path(os.environ.get("MEDSEGAI_SHARED", ROOT.parent / "shared")) / "data"
WAYS: tuple[tuple[str, Method], ...] = (("interactive", "slices"), ("adaptive", "slices"), ("adaptive", "volume"))


def overlaps(engine: Engine, case: Case, label: str) -> list[float]:
    """Return the Dice of a structure that each way finds."""
    image, truth = case.image(), np.asarray(case.mask(label).full(), dtype=np.bool_)
    box, found = first_box(truth, image.geometry), []
    for model, method in WAYS:
        task = PromptTask((box,), model=model, scope=VolumeScope(method))
        mask = engine.segment(SegmentationRequest(image, task)).mask.full()
        found.append(dice(MaskPair.of(mask, truth, None)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=12)
    dataset = load_dataset("mr_hippocampus", DATA)
    chosen = dataset.only(capped_subjects(dataset.subjects, parser.parse_args().people))
    engine = Engine("cpu")
    asked = [(case, label) for case in chosen.cases for label in case.present_labels]
    found = np.array([overlaps(engine, case, label) for case, label in asked])
    people = [case.subject for case, _ in asked]
    print(f"{len(asked)} structures of {len(set(people))} people, one box each: mean Dice with its 95 % interval")
    for (model, method), column in zip(WAYS, found.T, strict=True):
        one = mean_with_interval(list(column), people)
        print(f"{model}, {method}: {one.mean:.3f} ({one.lower:.3f} to {one.upper:.3f})")


if __name__ == "__main__":
    main()
