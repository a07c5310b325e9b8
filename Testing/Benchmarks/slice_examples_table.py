"""Compare registered examples on slices with and without the opinions of networks.

    python Testing/Benchmarks/slice_examples_table.py FOLDER --group mr --weights FILE --context FILE
    python Testing/Benchmarks/slice_examples_table.py FOLDER --group mr

Examples and queries are slices of different people, about as far along the same structure; all is drawn by the
committed seed. The same examples, registrations and classifiers serve every method. With `--weights`, those
of the interactive network that were trained without the group are judged: everybody may be asked about. Without, those
that come with MedSegAI are asked about sets and people whom no weights are trained on; examples may be of anybody.
`--context` adds an in-context network, see `MedSegAICore.training.context`. FOLDER keeps what each task has shown, so
that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI")]

from MedSegAICore.engine.cache import ByteBoundedCache  # noqa: E402  after the path
from MedSegAICore.engine.device import DevicePlan  # noqa: E402
from MedSegAICore.engine.run import Run  # noqa: E402
from MedSegAICore.evaluation.datasets.dataset import Case, Dataset, load_dataset  # noqa: E402
from MedSegAICore.evaluation.datasets.split import COMMITTED_SEED, capped_subjects  # noqa: E402
from MedSegAICore.evaluation.statistics import paired_difference  # noqa: E402
from MedSegAICore.fewshot.examples import Example  # noqa: E402
from MedSegAICore.fewshot.registered import with_network, with_own_network  # noqa: E402
from MedSegAICore.fewshot.registered.learner import RegisteredLearner  # noqa: E402
from MedSegAICore.fewshot.registered.query import classified, patches_of, register_query  # noqa: E402
from MedSegAICore.fewshot.registered.registrations import Registrations  # noqa: E402
from MedSegAICore.fewshot.registered.slice_opinions import FoundOnSlice, SliceLook, with_opinions  # noqa: E402
from MedSegAICore.fewshot.registered.with_own_network import TwoNetworks  # noqa: E402
from MedSegAICore.incontext.slice_cut import slice_image  # noqa: E402
from MedSegAICore.models.catalogue import load_catalogue  # noqa: E402
from MedSegAICore.training.training_sets import Group, training_subjects  # noqa: E402
from MedSegAICore.volume import VolumePatch  # noqa: E402

DATA = Path(os.environ.get("MEDSEGAI_SHARED", ROOT.parent / "shared")) / "data"
SHIPPED = ROOT / "Resources" / "Weights" / "interactive.safetensors"
SETS: dict[Group, tuple[str, ...]] = {
    "ct": ("ct_abdomen_slices",),
    "mr": ("mr_cardiac_lv", "mr_hippocampus", "mr_abdomen_t2"),
    "xray": ("xr_chest_lungs",),
}
AXES = {"mr_hippocampus": 1, "mr_abdomen_t2": 0}
"""Across which volumes are cut."""

LABELS = {"ct_abdomen_slices": ("liver", "spleen", "right kidney", "left kidney", "aorta", "stomach")}
TASKS = {1: 8, 4: 6, 8: 3}
"""Number of examples -> tasks of each set."""

QUERIES, PEOPLE, SMALLEST = 6, 30, 30
CACHE_BYTES = 1 << 28
FIRST = "registered"
NONE = slice(0)
METHODS = {FIRST: NONE, "with the interactive network": slice(1)}
WITH_CONTEXT = {
    FIRST: NONE,
    "with the in-context network": slice(1),
    "with the interactive network": slice(1, 2),
    "with both": slice(2),
}
"""By name: which of the networks' opinions count besides what examples say."""

Slice = tuple[Example, NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Only:
    """Some of the opinions of networks; they are asked once, and what they said counts from then on."""

    networks: SliceLook
    which: slice
    said: list[Sequence[NDArray[np.float32]]]

    def opinions(self, asked: FoundOnSlice, run: Run) -> Sequence[NDArray[np.float32]]:
        """See `SliceLook`."""
        if not self.said:
            self.said.append(self.networks.opinions(asked, run))
        return self.said[0][self.which]


def slices_of(case: Case, label: str) -> list[Slice]:
    """Return all slices of a case that show enough of a structure, in their order."""
    image, full = case.image().canonical(), case.mask(label).canonical().full().astype(np.bool_)
    axis = AXES.get(case.dataset, 0)
    areas = np.moveaxis(full, axis, 0).reshape(full.shape[axis], -1).sum(axis=1)
    found = []
    for place in np.flatnonzero(areas >= max(SMALLEST, 0.2 * areas.max())):
        cut = slice_image(image, axis, int(place))
        mask = np.moveaxis(np.moveaxis(full, axis, 0)[place : place + 1], 0, axis)
        found.append((Example(cut, {label: VolumePatch.whole(mask, cut.geometry)}, case.subject), mask))
    return found


def people_of(dataset: Dataset, label: str) -> dict[str, list[Slice]]:
    """Return the slices of each person that show a structure."""
    people = {}
    for subject in capped_subjects(dataset.subjects, PEOPLE):
        cases = [case for case in dataset.only([subject]).cases if label in case.drawn_labels]
        slices = [one for case in cases for one in slices_of(case, label)]
        if slices:
            people[subject] = slices
    return people


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))


def records_of(name: str, networks: SliceLook, folder: Path, *, of_strangers: bool) -> Iterator[dict[str, object]]:
    """Yield the Dice of every method on every query of a set."""
    dataset = load_dataset(name, DATA)
    known = set(training_subjects(dataset)) if of_strangers and dataset.spec.training == "allowed" else set()
    people = {label: people_of(dataset, label) for label in LABELS.get(name, dataset.labels)}
    people = {label: of for label, of in people.items() if len(of) > 2 and set(of) - known}
    for examples, tasks in TASKS.items():
        for task in range(tasks):
            file = folder / f"{name}_{examples}_{task}.json"
            if not file.is_file():
                chance = np.random.default_rng([COMMITTED_SEED, examples, task])
                label = list(people)[int(chance.integers(len(people)))]
                found = asked(name, people[label], known, examples, networks, chance)
                file.write_text(json.dumps([{**one, "label": label} for one in found]))
                sys.stderr.write(f"{name}, {examples} examples, task {task + 1} of {tasks}\n")
            yield from json.loads(file.read_text())


def asked(
    name: str,
    people: dict[str, list[Slice]],
    known: set[str],
    examples: int,
    networks: SliceLook,
    chance: np.random.Generator,
) -> list[dict[str, object]]:
    """Learn from slices of some people and ask about others."""
    names = list(people)
    chance.shuffle(names)
    queried = [one for one in names if one not in known][:QUERIES]
    if len(names) - len(queried) < examples:  # small sets: fewer people are asked about
        queried = queried[: max(len(names) - examples, 1)]
    taught = [one for one in names if one not in queried][:examples]
    along = chance.uniform(0.15, 0.85)

    def drawn(person: str) -> Slice:
        slices = people[person]
        return slices[int(np.clip(round((along + chance.normal(0, 0.06)) * (len(slices) - 1)), 0, len(slices) - 1))]

    registrations = Registrations(ByteBoundedCache(CACHE_BYTES))
    model = RegisteredLearner(FIRST, registrations=registrations).fit([drawn(person)[0] for person in taught], Run())
    found: list[dict[str, object]] = []
    for person in queried:
        query, truth = drawn(person)
        registered = register_query(model.model, query.image, Run(), registrations)
        answer = classified(model.model, registered, Run())
        said = list[Sequence[NDArray[np.float32]]]()
        scores = {}
        for method, which in methods_of(networks).items():
            look = Only(networks, which, said)
            together = with_opinions(registered, model.model.scans, answer, look, Run()) if which != NONE else answer
            (patch,) = patches_of(model.labels, registered, together).values()
            scores[method] = dice(patch.canonical().full() > 0.5, truth)
        found.append({"set": name, "examples": len(taught), "asked": examples, "person": person, **scores})
    return found


def table(records: Sequence[dict[str, object]]) -> list[str]:
    """Return the lines of a table: means of all methods, and what is gained over the first with its interval."""
    methods = [method for method in WITH_CONTEXT if method in records[0]]
    lines = [f"| set | examples | n (people) | {' | '.join(methods)} |", f"|{'---|' * (3 + len(methods))}"]
    for name in dict.fromkeys(str(one["set"]) for one in records):
        for examples in TASKS:
            here = [one for one in records if (one["set"], one["asked"]) == (name, examples)]
            people = [str(one["person"]) for one in here]
            cells = []
            for method in methods:
                ours, first = ([float(str(one[which])) for one in here] for which in (method, FIRST))
                gain = paired_difference(ours, first, people, higher_is_better=True).difference
                said = f"{np.mean(ours):.3f}"
                interval = f", {gain.mean:+.3f} ({gain.lower:+.3f} to {gain.upper:+.3f})"
                cells.append(said if method == FIRST else said + interval)
            lines.append(f"| {name} | {examples} | {len(here)} ({len(set(people))}) | {' | '.join(cells)} |")
    return lines


def methods_of(networks: SliceLook) -> dict[str, slice]:
    """Return what is compared, by name."""
    return WITH_CONTEXT if isinstance(networks, TwoNetworks) else METHODS


def networks_of(interactive: Path, context: Path | None) -> SliceLook:
    """Return networks with weights of one's own."""
    plan, catalogue, cache = DevicePlan("cpu", "float32", ""), load_catalogue(), ByteBoundedCache(CACHE_BYTES)
    if context is None:
        learner = with_network.build(catalogue["registered_network"], interactive, plan, cache)
    else:
        spec = catalogue["registered_own_network"]
        learner = with_own_network.build(spec, context, plan, cache, interactive)
    assert learner.look is not None
    return learner.look


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where what was found is kept")
    parser.add_argument("--group", choices=get_args(Group), required=True, help="kind of images")
    parser.add_argument("--sets", nargs="+", help="only these sets of it")
    parser.add_argument("--weights", type=Path, help="weights that were trained without the group")
    parser.add_argument("--context", type=Path, help="those of an in-context network, which is then asked as well")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    networks, records = networks_of(chosen.weights or SHIPPED, chosen.context), list[dict[str, object]]()
    for name in chosen.sets or SETS[chosen.group]:
        records += records_of(name, networks, chosen.folder, of_strangers=chosen.weights is None)
    print("\n".join(table(records)))


if __name__ == "__main__":
    main()
