"""Measure what accepting slices is worth for a whole volume, with the default model of in-context tasks.

    python Testing/Benchmarks/accepted_slices.py mr_hippocampus --most 3
    python Testing/Benchmarks/accepted_slices.py mr_abdomen_t2 --labels liver --most 2

A task has whole examples of other people. One after another, the slice of the query with the most wrong voxels is
drawn as it should be and joins the task. Dice is that of the whole volume, of the slices that were never accepted,
and of the volume of somebody else who is asked about with the same task. People are drawn by the committed seed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

from Benchmarks.fewshot_table import DATA  # noqa: E402  after the path
from MedSegAICore.engine.cache import GIBIBYTE, ByteBoundedCache  # noqa: E402
from MedSegAICore.engine.run import Run  # noqa: E402
from MedSegAICore.evaluation.datasets.dataset import load_dataset  # noqa: E402
from MedSegAICore.evaluation.datasets.split import COMMITTED_SEED, drawn_order  # noqa: E402
from MedSegAICore.evaluation.statistics import mean_with_interval  # noqa: E402
from MedSegAICore.fewshot.examples import Example  # noqa: E402
from MedSegAICore.fewshot.registered.learner import RegisteredLearner  # noqa: E402
from MedSegAICore.fewshot.registered.registrations import Registrations  # noqa: E402
from MedSegAICore.incontext.context_example import ContextExample  # noqa: E402
from MedSegAICore.incontext.learned import LearnedModel  # noqa: E402
from MedSegAICore.incontext.question import Question  # noqa: E402
from MedSegAICore.incontext.slice_cut import slice_of  # noqa: E402
from MedSegAICore.prompts import SlicePlane  # noqa: E402
from MedSegAICore.volume import VolumePatch  # noqa: E402

Masks = dict[str, NDArray[np.bool_]]
TEACHERS, ACCEPTED = 2, (0, 1, 2, 4)


def people_of(name: str, labels: Sequence[str], most: int, seed: int) -> list[Example]:
    """Return so many people, and those who teach, in a drawn order; all show the structures."""
    dataset = load_dataset(name, DATA)
    cases = {case.subject: case for case in dataset.cases}
    found: list[Example] = []
    for subject in drawn_order(cases, seed, "accepted slices"):
        image = cases[subject].image()
        masks = {
            label: VolumePatch.whole(cases[subject].mask(label).array, image.geometry).canonical()
            for label in labels or dataset.labels
        }
        found.append(Example(image.canonical(), masks, subject))
        if len(found) == most + TEACHERS:
            break
    return found


def segment(model: LearnedModel, query: Example, contexts: Sequence[ContextExample]) -> Masks:
    """Return the masks of a query (k, j, i)."""
    digest = " ".join(context.content_digest() for context in contexts)
    question = Question(query.image, tuple(contexts), tuple(query.masks), digest)
    found = model.answer(question, Run()).probabilities
    return {label: patch.full() >= 0.5 for label, patch in found.items()}


def dice(found: Masks, query: Example, without: Sequence[int] = ()) -> float:
    """Return the mean Dice of all structures, without some axial slices."""
    scores = []
    for label, mask in found.items():
        one, other = (np.delete(array, without, axis=0) for array in (mask, query.masks[label].full()))
        scores.append(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))
    return float(np.mean(scores))


def worst_slice(found: Masks, query: Example, accepted: Sequence[int]) -> int:
    """Return the axial slice that shows a structure and has the most wrong voxels."""
    wrong = np.sum([(mask ^ query.masks[label].full()).sum(axis=(1, 2)) for label, mask in found.items()], axis=0)
    shown = np.any([query.masks[label].full().any(axis=(1, 2)) for label in found], axis=0)
    wrong = np.where(shown, wrong, -1)
    wrong[list(accepted)] = -1
    return int(wrong.argmax())


def gained(
    query: Example, other: Example, teachers: Sequence[Example], counts: Sequence[int] = ACCEPTED
) -> dict[int, tuple[float, float, float, float]]:
    """Return for each number of accepted slices the Dice of the whole, of what was never accepted, the same of what
    was answered without any, and that of somebody else.
    """
    cache = ByteBoundedCache(GIBIBYTE)
    model = LearnedModel(
        "registered_context", RegisteredLearner("registered", registrations=Registrations(cache)), cache
    )
    contexts = [ContextExample(teacher) for teacher in teachers]
    accepted: list[int] = []
    first = found = segment(model, query, contexts)
    scores = {}
    for count in range(max(counts) + 1):
        if count in counts:
            elsewhere = dice(segment(model, other, contexts), other)
            scores[count] = (dice(found, query), dice(found, query, accepted), dice(first, query, accepted), elsewhere)
        if count < max(counts):
            accepted.append(worst_slice(found, query, accepted))
            plane = SlicePlane.of_slice(query.image.geometry, 0, accepted[-1])
            contexts.append(slice_of(ContextExample(query), plane))
            found = segment(model, query, contexts)
    return scores


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="name of a described set of volumes")
    parser.add_argument("--labels", nargs="+", default=[], help="structures (all)")
    parser.add_argument("--most", type=int, default=8, help="people who are asked about (8)")
    parser.add_argument("--seed", type=int, default=COMMITTED_SEED)
    chosen = parser.parse_args()
    people = people_of(chosen.dataset, chosen.labels, chosen.most, chosen.seed)
    teachers, queries = people[:TEACHERS], people[TEACHERS:]
    names = [query.name for query in queries]
    every = []
    for number, query in enumerate(queries):
        every.append(gained(query, queries[(number + 1) % len(queries)], teachers))
        print(f"# {query.name}: {every[-1]}", flush=True)
    print("| accepted | volume | never accepted slices | the same before | somebody else |\n|---|---|---|---|---|")
    for count in ACCEPTED:
        means = [mean_with_interval([one[count][column] for one in every], names) for column in range(4)]
        print(f"| {count} | {' | '.join(f'{m.mean:.3f} ({m.lower:.3f} to {m.upper:.3f})' for m in means)} |")


if __name__ == "__main__":
    main()
