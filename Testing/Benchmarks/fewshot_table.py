"""Measure few-shot segmentation on whole images, beside what needs no learning, and compare it with what is committed.

    python Testing/Benchmarks/fewshot_table.py measure runs/1 mr_hippocampus xr_chest_lungs
    python Testing/Benchmarks/fewshot_table.py measure runs/2 mr_hippocampus --methods prototypes --fewer
    python Testing/Benchmarks/fewshot_table.py table runs --json Testing/Benchmarks/fewshot_results.json
    python Testing/Benchmarks/fewshot_table.py table runs/2 --keep Testing/Benchmarks/fewshot_results.json

The first commands put every question of the evaluation's protocol `whole-examples` to every method and leave a report
for each set in their folders; what was stopped goes on when it is started again. The next one makes one table of all
reports, and the last one a table of new reports and of what was found before otherwise. Queries are those of a
few people drawn by the committed seed, examples are of other people, and nothing is told about a query.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

from MedSegAICore.engine.engine import Engine  # noqa: E402  after the path
from MedSegAICore.engine.run import Run  # noqa: E402
from MedSegAICore.evaluation.datasets.dataset import load_dataset  # noqa: E402
from MedSegAICore.evaluation.datasets.split import COMMITTED_SEED  # noqa: E402
from MedSegAICore.evaluation.job import run_job  # noqa: E402
from MedSegAICore.evaluation.model_job import job_of_models  # noqa: E402
from MedSegAICore.evaluation.protocols.plans import Asked, few_shot_plan  # noqa: E402
from MedSegAICore.evaluation.report.results import read_results  # noqa: E402
from MedSegAICore.evaluation.statistics import RESAMPLES, mean_with_interval  # noqa: E402
from MedSegAICore.evaluation.work import CaseRecord, WorkItem  # noqa: E402

DATA = Path(os.environ.get("MEDSEGAI_SHARED", ROOT.parent / "shared")) / "data"
OURS, REGISTERED, PROTOTYPES = "registered", "deformable", "prototypes"
WHOLE = ("mean-mask", "affine", REGISTERED, OURS)
"""Methods that are asked about everybody."""

METHODS = (*WHOLE, PROTOTYPES)
SUPPORTS = (1, 2, 5)

PEOPLE = {"mr_hippocampus": 8, "mr_abdomen_t2": 4, "ct_abdomen_slices": 3, "mr_cardiac_lv": 4, "xr_chest_lungs": 10}
"""How many people are asked about in each set."""

LABELS = {"ct_abdomen_slices": ("liver", "spleen", "right kidney", "left kidney", "aorta", "stomach")}
"""What they are asked about; everything where nothing is said."""


FEWER_PEOPLE = {
    "mr_hippocampus": 4,
    "mr_abdomen_t2": 2,
    "ct_abdomen_slices": 1,
    "mr_cardiac_lv": 2,
    "xr_chest_lungs": 5,
}
"""How many of them slow methods are asked about."""


def measure(folder: Path, asked_for: argparse.Namespace) -> None:
    methods, supports, seed = asked_for.methods, asked_for.supports, asked_for.seed
    people = FEWER_PEOPLE if asked_for.fewer else PEOPLE
    for name in asked_for.datasets:
        asked = Asked(LABELS.get(name, ()), most_subjects=people[name], seed=seed)
        plan = few_shot_plan("whole-examples", supports)
        job = job_of_models(methods, [load_dataset(name, DATA)], Engine("cpu"), plan, asked)
        run_job(job, folder / name, Run(lambda fraction, text: print(f"{100 * fraction:5.1f} % {text}", flush=True)))


def difference_over_sets(
    first: Sequence[CaseRecord], second: Sequence[CaseRecord], seed: int = 0
) -> tuple[float, float, float]:
    """Return the mean over sets of the mean difference in Dice on what both were asked, with its 95 % interval.

    Sets count alike; within each of them people are resampled, never single structures or slices.
    """
    others = {record.item: record for record in second}
    by_set: dict[str, dict[str, list[float]]] = {}
    for record in shared_with(first, second):
        gain = record.values["dice"] - others[record.item].values["dice"]
        by_set.setdefault(record.item.dataset, {}).setdefault(record.item.subject, []).append(gain)
    rng = np.random.default_rng(seed)
    drawn, means = [], []
    for people in by_set.values():
        sums = np.array([sum(gains) for gains in people.values()])
        counts = np.array([len(gains) for gains in people.values()])
        means.append(sums.sum() / counts.sum())
        times = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), RESAMPLES)
        drawn.append((times @ sums) / (times @ counts))
    lower, upper = np.quantile(np.mean(drawn, axis=0), (0.025, 0.975))
    return float(np.mean(means)), float(lower), float(upper)


def shared_with(records: Sequence[CaseRecord], others: Sequence[CaseRecord]) -> list[CaseRecord]:
    """Return the records of questions that were also put to another method."""
    asked = {record.item for record in others}
    return [record for record in records if record.item in asked]


def rows_of(records: Sequence[CaseRecord], condition: str) -> list[list[str]]:
    """Return the lines of a table of one number of examples: one for each set, and one for all."""
    of = {method: [r for r in records if (r.method, r.item.condition) == (method, condition)] for method in METHODS}
    sets = list(dict.fromkeys(record.item.dataset for record in of[OURS]))
    rows = []
    for dataset in sets:
        here = {method: [one for one in of[method] if one.item.dataset == dataset] for method in METHODS}
        ours = here[OURS]
        counts = f"{len(ours)} of {len({record.item.subject for record in ours})}"
        cells = [_mean(here[method], "dice") for method in WHOLE]
        seconds = f"{np.median([record.seconds for record in ours]):.1f}"
        failures = str(sum(record.values["dice"] == 0 for record in ours))
        rows.append([dataset, condition, counts, *cells, *_gains(here), _mean(ours, "nsd"), failures, seconds])
    means = [np.mean([_dice(record for record in of[m] if record.item.dataset == one) for one in sets]) for m in WHOLE]
    rows.append(["**mean of sets**", condition, "", *(f"{mean:.3f}" for mean in means), *_gains(of), "", "", ""])
    return rows


def _gains(of: Mapping[str, Sequence[CaseRecord]]) -> list[str]:
    """Return in words what is gained over registration, and over prototypes on what they were asked."""
    shared = len(shared_with(of[OURS], of[PROTOTYPES]))
    over = f"{_signed(*difference_over_sets(of[OURS], of[PROTOTYPES]))}, n = {shared}" if shared else "-"
    return [_signed(*difference_over_sets(of[OURS], of[REGISTERED])), over]


def _dice(records: Iterable[CaseRecord]) -> float:
    return float(np.mean([record.values["dice"] for record in records]))


def _mean(records: Sequence[CaseRecord], name: str) -> str:
    return f"{mean_with_interval([r.values[name] for r in records], [r.item.subject for r in records]).mean:.3f}"


def _signed(mean: float, lower: float, upper: float) -> str:
    return f"{mean:+.3f} ({lower:+.3f} to {upper:+.3f})"


def table(folder: Path, json_file: Path | None, kept_file: Path | None) -> None:
    evaluations = [read_results(file) for file in sorted(folder.rglob("results.json"))]
    records = [record for evaluation in evaluations for record in evaluation.records]
    kept: dict[str, Any] = (
        json.loads(kept_file.read_text()) if kept_file else {"commit": "", "settings": [], "records": []}
    )
    records = [*_kept(kept["records"], {_asked(record) for record in records}), *records]
    gains = (f"gain over {REGISTERED}", f"gain over {PROTOTYPES}")
    header = ["set", "examples", "structures of people", *WHOLE, *gains, "NSD", "failures", "seconds"]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    rows = []
    for condition in sorted({record.item.condition for record in records}, key=lambda text: int(text.split()[0])):
        rows += rows_of(records, condition)
    for row in rows:
        print(f"| {' | '.join(row)} |")
    if json_file:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        values = {
            "commit": "; ".join(filter(None, (kept["commit"], f"{commit.stdout.strip()} for what was measured last"))),
            "seed": evaluations[0].seed,
            "people": PEOPLE,
            "people asked about with prototypes": FEWER_PEOPLE,
            "labels": LABELS,
            "environment": dict(evaluations[0].environment),
            "settings": [*kept["settings"], *(dict(evaluation.settings) for evaluation in evaluations)],
            "table": [dict(zip(header, row, strict=True)) for row in rows],
            "records": [_short(record) for record in records],
        }
        json_file.write_text(json.dumps(values, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")


def _asked(record: CaseRecord) -> tuple[str, str, str]:
    """Return what was measured as one: a method, a set and a number of examples."""
    return record.method, record.item.dataset, record.item.condition


def _kept(values: Iterable[Mapping[str, Any]], measured: set[tuple[str, str, str]]) -> list[CaseRecord]:
    """Return what an earlier table holds beside what was measured again."""
    named = [field.name for field in fields(WorkItem)]
    records = [
        CaseRecord(
            WorkItem(**{name: one[name] for name in named}),
            one["method"],
            {name: one[name] for name in ("dice", "nsd")},
            one["seconds"],
            float("nan"),  # its memory is not in the file
        )
        for one in values
    ]
    return [record for record in records if _asked(record) not in measured]


def _short(record: CaseRecord) -> dict[str, object]:
    values = {name: round(record.values[name], 4) for name in ("dice", "nsd")}
    return {**asdict(record.item), "method": record.method, **values, "seconds": round(record.seconds, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="put the questions")
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("datasets", nargs="*", default=list(PEOPLE), help="names of described sets (all five)")
    measuring.add_argument("--methods", nargs="+", default=list(METHODS))
    measuring.add_argument("--supports", nargs="+", type=int, default=list(SUPPORTS))
    measuring.add_argument("--fewer", action="store_true", help="ask about fewer people")
    measuring.add_argument("--seed", type=int, default=COMMITTED_SEED)
    showing = commands.add_parser("table", help="show what was found")
    showing.add_argument("folder", type=Path)
    showing.add_argument("--json", type=Path, help="also write everything here")
    showing.add_argument("--keep", type=Path, help="add what this file holds beside what was measured again")
    chosen = parser.parse_args()
    if chosen.command == "measure":
        measure(chosen.folder, chosen)
    else:
        table(chosen.folder, chosen.json, chosen.keep)


if __name__ == "__main__":
    main()
