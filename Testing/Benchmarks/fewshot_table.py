"""Measure few-shot segmentation without weights on whole images, beside what needs no learning.

    python Testing/Benchmarks/fewshot_table.py mr_hippocampus --queries 10

Queries and examples are of different people, both drawn by the seed; the examples are the same for all queries
where that can be. Nothing is told about a query. The baselines use the same registrations.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

from MedSegAICore.engine.run import Run  # noqa: E402  after the path
from MedSegAICore.evaluation.datasets.dataset import Case, Dataset, load_dataset  # noqa: E402
from MedSegAICore.evaluation.datasets.split import COMMITTED_SEED, drawn_order  # noqa: E402
from MedSegAICore.evaluation.protocols.fitting import fitted  # noqa: E402
from MedSegAICore.evaluation.statistics import mean_with_interval, paired_difference  # noqa: E402
from MedSegAICore.fewshot.examples import Example  # noqa: E402
from MedSegAICore.fewshot.registered.fitting import fit_supports  # noqa: E402
from MedSegAICore.fewshot.registered.query import (  # noqa: E402
    classified,
    masks_from,
    patches_of,
    register_query,
)
from MedSegAICore.volume import VolumePatch  # noqa: E402

DATA = Path(os.environ.get("MEDSEGAI_SHARED", ROOT.parent / "shared")) / "data"
METHODS = ("mean mask", "affine", "affine + deformable", "few-shot")
Mask = NDArray[np.bool_]
Scores = dict[str, list[float]]


def example_of(case: Case, labels: Sequence[str]) -> Example:
    image = case.image()
    return Example(image, {label: VolumePatch.whole(case.mask(label).array, image.geometry) for label in labels})


def chosen_cases(dataset: Dataset, labels: Sequence[str], seed: int) -> list[Case]:
    """Return one image of every person that shows all structures, in the drawn order."""
    shown: dict[str, dict[str, Case]] = {}
    for case in dataset.cases:
        if set(labels) <= set(case.present_labels):
            shown.setdefault(case.subject, {})[case.name] = case
    order = drawn_order(shown, seed, "few-shot")
    return [shown[subject][drawn_order(shown[subject], seed, subject)[0]] for subject in order]


def dice(one: Mask, other: Mask) -> float:
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))


def mean_masks(examples: Sequence[Example], query: Example) -> dict[str, Mask]:
    shape = query.image.canonical().geometry.shape
    found = {}
    for label in query.masks:
        masks = [fitted(example.masks[label].canonical().full(), shape) for example in examples]
        votes = np.sum(masks, axis=0) * 2 >= len(masks)
        found[label] = VolumePatch.whole(votes, query.image.canonical().geometry)
    return {label: patch.in_storage_order(query.image.geometry).full() for label, patch in found.items()}


def measure(dataset: Dataset, labels: Sequence[str], shots: int, queries: int, seed: int) -> dict[str, object]:
    """Return the Dice of every method, query by query and structure by structure, and the times [s]."""
    cases = chosen_cases(dataset, labels, seed)
    asked = cases[:queries]
    scores: Scores = {method: [] for method in METHODS}
    subjects: list[str] = []
    fit_seconds, query_seconds = [], []
    models = {}
    for case in asked:
        pool = cases[queries:] if len(cases) >= queries + shots else [other for other in cases if other is not case]
        key = tuple(support.subject for support in pool[:shots])
        if key not in models:
            examples = [example_of(support, labels) for support in pool[:shots]]
            began = time.perf_counter()
            models[key] = (fit_supports(examples, Run()), examples)
            fit_seconds.append(time.perf_counter() - began)
        model, examples = models[key]
        query = example_of(case, labels)
        began = time.perf_counter()
        registered = register_query(model, query.image, Run())
        answers = {"few-shot": classified(model, registered, Run())}
        query_seconds.append(time.perf_counter() - began)
        answers |= {"affine": registered.priors.affine, "affine + deformable": registered.priors.deformable}
        found = {name: full_masks(masks_from(patches_of(labels, registered, one))) for name, one in answers.items()}
        found["mean mask"] = mean_masks(examples, query)
        for label in labels:
            subjects.append(case.subject)
            for method in METHODS:
                scores[method].append(dice(found[method][label], query.masks[label].full().astype(bool)))
    return {"scores": scores, "subjects": subjects, "fit_s": fit_seconds, "query_s": query_seconds}


def full_masks(patches: Mapping[str, VolumePatch]) -> dict[str, Mask]:
    return {label: patch.full() for label, patch in patches.items()}


def row(dataset: str, shots: int, found: dict[str, object]) -> str:
    """Return one line of the table: the mean of every method, and the gain over affine + deformable."""
    scores, subjects = found["scores"], found["subjects"]
    means = [f"{mean_with_interval(scores[method], subjects).mean:.3f}" for method in METHODS]
    gain = paired_difference(scores["few-shot"], scores["affine + deformable"], subjects, True).difference
    times = f"{np.mean(found['fit_s']):.0f} | {np.mean(found['query_s']):.1f}"
    cells = [dataset, str(shots), *means, f"{gain.mean:+.3f} [{gain.lower:+.3f}, {gain.upper:+.3f}]", times]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", help="names of described sets")
    parser.add_argument("--queries", type=int, default=10)
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 2, 5])
    parser.add_argument("--labels", nargs="+", help="structures; all without it")
    parser.add_argument("--seed", type=int, default=COMMITTED_SEED)
    parser.add_argument("--json", type=Path, help="also write all values here")
    arguments = parser.parse_args()
    print(f"python Testing/Benchmarks/fewshot_table.py {' '.join(sys.argv[1:])} (seed {arguments.seed})\n")
    print(f"| set | examples | {' | '.join(METHODS)} | gain over affine + deformable | fit s | query s |")
    print("|" + "---|" * (len(METHODS) + 5))
    kept = {}
    for name in arguments.datasets:
        dataset = load_dataset(name, DATA)
        labels = tuple(arguments.labels or dataset.labels)
        for shots in arguments.shots:
            found = measure(dataset, labels, shots, arguments.queries, arguments.seed)
            kept[f"{name} {shots}"] = found
            print(row(name, shots, found), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
