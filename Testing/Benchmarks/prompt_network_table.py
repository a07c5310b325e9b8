"""Compare the interactive network with the adaptive model on images that it was not trained on.

    python Testing/Benchmarks/prompt_network_table.py FOLDER --group mr --weights model.safetensors
    python Testing/Benchmarks/prompt_network_table.py FOLDER

Both get the same questions: slices with one structure each, drawn by the committed seed from the people of every set
of the group. One run starts with a box, one with a click; every further click lies where the error of the method's own
answer is thickest. FOLDER keeps every answer, so that a stopped run goes on, and the table as JSON. With `--group`,
people who may be trained on are asked for as well: weights must have been trained without the group. Without it, the
weights that come with MedSegAI are asked about everybody of all groups whom no weights are trained on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import get_args

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI")]

from MedSegAICore.engine.engine import Engine  # noqa: E402  after the path
from MedSegAICore.engine.run import Run  # noqa: E402
from MedSegAICore.evaluation.datasets.dataset import Case, Dataset, load_dataset  # noqa: E402
from MedSegAICore.evaluation.datasets.split import COMMITTED_SEED, capped_subjects, drawn_order  # noqa: E402
from MedSegAICore.evaluation.protocols.interactive import InteractiveProtocol  # noqa: E402
from MedSegAICore.evaluation.records import RecordFile  # noqa: E402
from MedSegAICore.evaluation.runner import run_evaluation  # noqa: E402
from MedSegAICore.evaluation.statistics import mean_with_interval, paired_difference  # noqa: E402
from MedSegAICore.evaluation.work import CaseRecord  # noqa: E402
from MedSegAICore.geometry import VolumeGeometry  # noqa: E402
from MedSegAICore.models.catalogue import ModelSpec, load_catalogue  # noqa: E402
from MedSegAICore.prompts import Prompt, SlicePlane  # noqa: E402
from MedSegAICore.request import PromptTask, SegmentationRequest, SliceScope  # noqa: E402
from MedSegAICore.training.training_sets import LABELLED_SETS, Group, training_subjects  # noqa: E402
from MedSegAICore.volume import ImageVolume, VolumePatch  # noqa: E402

SHIPPED = ROOT / "Resources" / "Weights" / "interactive.safetensors"
DATA = Path(os.environ.get("MEDSEGAI_SHARED", ROOT.parent / "shared")) / "data"
NEVER_TRAINED_ON: dict[Group, tuple[str, ...]] = {"ct": (), "mr": ("mr_abdomen_t2", "mr_hippocampus"), "xray": ()}
SMALLEST = 30  # pixels
METHODS = NETWORK, ADAPTIVE = "network", "adaptive"
SHOWN = (("box", "dice_0"), ("click", "dice_1"), ("click", "dice_3"), ("click", "dice_5"), ("click", "noc_85"))


@dataclass(frozen=True)
class OneSlice:
    """A slice of a case as an image of its own, with one of its structures."""

    picture: ImageVolume
    label: str
    truth: VolumePatch
    files: tuple[Path, ...] = ()

    def image(self) -> ImageVolume:
        return self.picture

    def masks(self, label: str) -> tuple[VolumePatch, ...]:
        return (self.truth,) if label == self.label else ()

    def rater_count(self, label: str) -> int:
        return int(label == self.label)

    def drawn_labels(self) -> tuple[str, ...]:
        return (self.label,)


@dataclass(frozen=True, eq=False)
class OnTheSlice:
    """A model as an interactive method on images of one slice."""

    engine: Engine
    model: str

    def __call__(self, image: ImageVolume, prompts: tuple[Prompt, ...], run: Run) -> NDArray[np.bool_]:
        scope = SliceScope(SlicePlane.of_slice(image.geometry, 0, 0))
        request = SegmentationRequest(image, PromptTask(prompts, model=self.model, scope=scope))
        return np.asarray(self.engine.segment(request, cancel=run.cancel).mask.full(), dtype=np.bool_)


def slices_of(case: Case) -> list[Case]:
    """Return a drawn slice for each structure of a case."""
    image, found = case.image(), []
    for label in case.present_labels:
        mask = case.mask(label).full()
        spacing = image.geometry.spacing_kji
        axis = 0 if mask.shape[0] == 1 else int(np.argmax(spacing))
        areas = mask.sum(axis=tuple(other for other in range(3) if other != axis))
        used = [str(index) for index in np.flatnonzero(areas >= SMALLEST)]
        if used:
            name = f"{case.dataset} {case.subject} {case.name} {label}"
            index = int(drawn_order(used, purpose=name)[0])
            pixels, truth = (np.take(values, index, axis)[None] for values in (image.array, mask))
            rows, columns = np.delete(spacing, axis)
            steps = (columns, rows, max(rows, columns))
            grid = VolumeGeometry.from_components(truth.shape, steps, axes_ras=np.diag([-1.0, -1.0, 1.0]))
            one = OneSlice(ImageVolume(pixels, grid), label, VolumePatch.whole(truth, grid))
            found.append(Case(case.dataset, case.subject, f"{case.name} {axis}:{index} {label}".strip(), one))
    return found


def sets_of(group: Group | None) -> dict[str, Dataset]:
    """Return all people of a group's sets, or of every group those whom no weights are trained on."""
    groups = get_args(Group) if group is None else (group,)
    names = [name for one in groups for name in (*LABELLED_SETS[one], *NEVER_TRAINED_ON[one])]
    found = {name: load_dataset(name, DATA) for name in names}
    if group is None:
        trained_on = {name for one in groups for name in LABELLED_SETS[one]}
        for name in trained_on:
            people = set(found[name].subjects) - set(training_subjects(found[name]))
            found[name] = found[name].only(tuple(sorted(people)))
    return {name: dataset for name, dataset in found.items() if dataset.subjects}


def questions(dataset: Dataset, people: int, most: int) -> Dataset:
    """Return slices of at most so many people of a set, and at most so many slices."""
    name = dataset.name
    chosen = dataset.only(capped_subjects(dataset.subjects, people))
    slices = {f"{one.subject} {one.name}": one for case in chosen.cases for one in slices_of(case)}
    kept = sorted(drawn_order(list(slices), purpose=name)[:most])
    return Dataset(dataset.spec, tuple(slices[key] for key in kept))


def network_spec() -> ModelSpec:
    """Return the network of the catalogue under another name, so that any weights can be its own."""
    return replace(load_catalogue()["interactive"], name=NETWORK)


def asked(group: Group | None, weights: Path, folder: Path, people: int, most: int) -> dict[str, list[CaseRecord]]:
    """Return the answers to a box and clicks, and to clicks alone."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = Engine(
        "cpu", {NETWORK: weights}, catalogue={ADAPTIVE: load_catalogue()[ADAPTIVE], NETWORK: network_spec()}
    )
    methods = {name: OnTheSlice(engine, name) for name in (NETWORK, ADAPTIVE)}
    records: dict[str, list[CaseRecord]] = {"box": [], "click": []}
    for name, whole in sets_of(group).items():
        dataset = questions(whole, people, most)
        for start, clicks in (("box", 2), ("click", 5)):
            protocol = InteractiveProtocol(dataset, clicks=clicks, box_first=start == "box")
            settings = {"seed": COMMITTED_SEED, "weights": str(weights), "people": people, "most": most}
            file = RecordFile(folder / f"{name}_{start}.jsonl", settings)
            records[start] += run_evaluation(protocol, methods, file, Run())
            sys.stderr.write(f"{name}, {start}: {len(protocol.items())} questions\n")
    return records


def compared(records: Sequence[CaseRecord], quantity: str) -> dict[str, object]:
    """Return means with intervals over people of one quantity, and the difference."""
    ours, theirs = (
        sorted((one for one in records if one.method == name), key=lambda one: one.item) for name in METHODS
    )
    people = [(one.item.dataset, one.item.subject) for one in ours]
    first, second = ([one.values[quantity] for one in part] for part in (ours, theirs))
    difference = paired_difference(first, second, people, not quantity.startswith("noc"))
    estimates = (mean_with_interval(first, people), mean_with_interval(second, people), difference.difference)
    named = zip((*METHODS, "difference"), estimates, strict=True)
    return {name: {"mean": one.mean, "lower": one.lower, "upper": one.upper} for name, one in named} | {
        "questions": len(first),
        "people": len(set(people)),
        "probability_better": difference.probability_better,
    }


def table(records: dict[str, list[CaseRecord]]) -> dict[str, object]:
    """Return the comparison over all sets and for each."""
    sets = sorted({one.item.dataset for one in records["box"]})
    found: dict[str, object] = {}
    for name in ("all", *sets):
        part = {start: [one for one in of if name in ("all", one.item.dataset)] for start, of in records.items()}
        found[name] = {f"{start} {quantity}": compared(part[start], quantity) for start, quantity in SHOWN}
    for method in METHODS:
        of_method = [one for one in (*records["box"], *records["click"]) if one.method == method]
        clicks = [one for one in records["click"] if one.method == method]
        seconds = [one.seconds / max(one.values["answers"], 1) for one in of_method]
        found[f"{method} failures"] = sum(bool(one.failure) for one in of_method)
        found[f"{method} below 85 after 5 clicks"] = sum(one.values["unreached_85"] for one in clicks)
        found[f"{method} median seconds per answer"] = median(seconds)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where answers and table are kept")
    parser.add_argument("--group", choices=get_args(Group), help="group that the weights were trained without")
    parser.add_argument("--weights", type=Path, default=SHIPPED, help="those that come with MedSegAI")
    parser.add_argument("--people", type=int, default=60, help="people of each set at most")
    parser.add_argument("--most", type=int, default=60, help="questions of each set at most")
    chosen = parser.parse_args()
    found = table(asked(chosen.group, chosen.weights, chosen.folder, chosen.people, chosen.most))
    (chosen.folder / "table.json").write_text(json.dumps(found, indent=1) + "\n")
    for name, quantities in found.items():
        if not isinstance(quantities, dict):
            print(f"{name}: {quantities:.3g}")
            continue
        for quantity, values in quantities.items():
            cells = (f"{part} {values[part]['mean']:.3f}" for part in (*METHODS, "difference"))
            interval = f"({values['difference']['lower']:+.3f} to {values['difference']['upper']:+.3f})"
            print(f"{name}, {quantity}, {values['questions']} questions: {', '.join(cells)} {interval}")


if __name__ == "__main__":
    main()
