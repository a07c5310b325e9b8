"""Measure learning by prototypes on whole images, beside what needs no comparison.

    python Testing/Benchmarks/prototypes_table.py mr_cardiac_lv --queries 10 --shots 2

Queries and examples are of different people, both drawn by the seed. Nothing is told about a query. "registered" is
the weighted registered prior that the prototypes are combined with; "alone" is the comparison without it, in the same
region. A learner with weights needs its checkpoint in the weights folder.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

from MedSegAICore.engine.cache import ByteBoundedCache  # noqa: E402  after the path
from MedSegAICore.engine.device import plan_device  # noqa: E402
from MedSegAICore.engine.run import Run  # noqa: E402
from MedSegAICore.evaluation.datasets.dataset import Case, Dataset, load_dataset  # noqa: E402
from MedSegAICore.evaluation.datasets.split import COMMITTED_SEED, drawn_order  # noqa: E402
from MedSegAICore.evaluation.protocols.fitting import fitted  # noqa: E402
from MedSegAICore.evaluation.statistics import mean_with_interval, paired_difference  # noqa: E402
from MedSegAICore.fewshot.examples import Example  # noqa: E402
from MedSegAICore.fewshot.prototypes.expectation import expected  # noqa: E402
from MedSegAICore.fewshot.prototypes.learner import PrototypeModel, near_prior  # noqa: E402
from MedSegAICore.fewshot.registered.query import patches_of, winners  # noqa: E402
from MedSegAICore.models.catalogue import load_catalogue  # noqa: E402
from MedSegAICore.models.weights import find_weights  # noqa: E402
from MedSegAICore.volume import VolumePatch  # noqa: E402

DATA = Path(os.environ.get("MEDSEGAI_SHARED", ROOT.parent / "shared")) / "data"
CACHE_BYTES = 1 << 30
METHODS = ("mean mask", "registered", "alone", "prototypes")
Mask = NDArray[np.bool_]


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


def learner_called(name: str):
    """Return a learner of the catalogue."""
    spec = load_catalogue()[name]
    module, _, function = spec.entry.partition(":")
    weights = None if spec.weights is None else find_weights(spec)
    return getattr(import_module(module), function)(spec, weights, plan_device("auto"), ByteBoundedCache(CACHE_BYTES))


def answers(model: PrototypeModel, query: Example) -> dict[str, dict[str, np.ndarray]]:
    """Return the masks of every structure by every method but the mean mask."""
    expectation = expected(model.knowledge, query.image, model.method.encoder, Run())
    found = expectation.on_box(model.method.on_slices(model.knowledge, expectation, Run()))
    values = {
        "registered": expectation.registered.priors.weighted,
        "alone": near_prior(model.knowledge, expectation, found, prior_share=0.0),
        "prototypes": near_prior(model.knowledge, expectation, found, model.method.prior_share),
    }
    masks = {}
    for method, probabilities in values.items():
        patches = patches_of(model.labels, expectation.registered, probabilities)
        winner = winners(np.stack([patch.full() for patch in patches.values()]))
        masks[method] = {label: winner == value for value, label in enumerate(patches, start=1)}
    return masks


def measured(dataset: str, labels: list[str] | None, asked: slice, shots: int, learner, seed: int) -> None:
    described = load_dataset(dataset, DATA)
    labels = labels or list(described.labels)
    cases = chosen_cases(described, labels, seed)
    queries = cases[asked]
    examples = [example_of(case, labels) for case in [case for case in cases if case not in queries][:shots]]
    model = PrototypeModel(learner.name, learner.fit(examples, Run()).knowledge, learner.method)
    scores: dict[str, list[float]] = {method: [] for method in METHODS}
    subjects, seconds = [], []
    for case in queries:
        query = example_of(case, labels)
        began = time.perf_counter()
        found = answers(model, query) | {"mean mask": mean_masks(examples, query)}
        seconds.append(time.perf_counter() - began)
        for label in labels:
            subjects.append(case.subject)
            for method in METHODS:
                scores[method].append(dice(found[method][label], query.masks[label].full().astype(bool)))
    means = [f"{mean_with_interval(scores[method], subjects).mean:.3f}" for method in METHODS]
    gains = [paired_difference(scores["prototypes"], scores[other], subjects, True).difference for other in METHODS[:2]]
    said = [f"{gain.mean:+.3f} [{gain.lower:+.3f}, {gain.upper:+.3f}]" for gain in gains]
    cells = [dataset, str(len(queries)), str(shots), *means, *said, f"{np.mean(seconds):.1f}"]
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", help="names of described sets")
    parser.add_argument("--learner", default="prototypes", help="name in the catalogue")
    parser.add_argument("--queries", type=int, default=10)
    parser.add_argument("--skip", type=int, default=0, help="so many of the drawn people are not asked about")
    parser.add_argument("--shots", type=int, nargs="+", default=[2])
    parser.add_argument("--labels", nargs="+", help="structures; all without it")
    parser.add_argument("--seed", type=int, default=COMMITTED_SEED)
    arguments = parser.parse_args()
    print(f"python Testing/Benchmarks/prototypes_table.py {' '.join(sys.argv[1:])} (seed {arguments.seed})\n")
    print(f"| set | queries | examples | {' | '.join(METHODS)} | gain over mean mask | over registered | query s |")
    print("|" + "---|" * (len(METHODS) + 6))
    learner = learner_called(arguments.learner)
    asked = slice(arguments.skip, arguments.skip + arguments.queries)
    for name in arguments.datasets:
        for shots in arguments.shots:
            measured(name, arguments.labels, asked, shots, learner, arguments.seed)


if __name__ == "__main__":
    main()
