"""Measure the default model of in-context tasks on people it has no example of, beside what copies masks.

    python Testing/Benchmarks/incontext_table.py measure runs
    python Testing/Benchmarks/incontext_table.py table runs --json Testing/Benchmarks/incontext_results.json

The first command puts every question of the evaluation's protocol `in-context` and leaves a report for each set; what
was stopped goes on when it is started again. Each question is asked three times: with the examples as they are, with
their masks exchanged, and with the examples mirrored and moved. Queries are those of a few people drawn by the
committed seed, examples are of other people, and nothing is told about a query.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

from Benchmarks.fewshot_table import DATA  # noqa: E402  after the path
from MedSegAICore.engine.engine import Engine  # noqa: E402
from MedSegAICore.engine.run import Run  # noqa: E402
from MedSegAICore.evaluation.datasets.dataset import load_dataset  # noqa: E402
from MedSegAICore.evaluation.datasets.split import COMMITTED_SEED  # noqa: E402
from MedSegAICore.evaluation.job import run_job  # noqa: E402
from MedSegAICore.evaluation.model_job import job_of_models  # noqa: E402
from MedSegAICore.evaluation.protocols.plans import Asked, in_context_plan  # noqa: E402
from MedSegAICore.evaluation.report.results import read_results  # noqa: E402
from MedSegAICore.evaluation.statistics import mean_with_interval  # noqa: E402
from MedSegAICore.evaluation.work import CaseRecord  # noqa: E402

METHODS = ("registered_context", "mean-mask")
SUPPORTS = {"xr_chest_lungs": (4,), "mr_hippocampus": (2,)}
"""How many examples are shown of each set."""

PEOPLE = {"xr_chest_lungs": 10, "mr_hippocampus": 4}
"""How many people are asked about."""

WAYS = ("", ", masks deranged", ", unmatched")
"""How the examples were shown, as the names of conditions end."""

HEADER = ("set", "examples", "n (people)", "mean-mask", "registered_context", "masks deranged", "unmatched")


def measure(folder: Path, datasets: Sequence[str], seed: int) -> None:
    """Leave a report for every set in the folder."""
    for name in datasets:
        plan = in_context_plan(SUPPORTS[name], deranged=True, unmatched=True)
        asked = Asked(most_subjects=PEOPLE[name], seed=seed)
        job = job_of_models(METHODS, [load_dataset(name, DATA)], Engine("cpu"), plan, asked)
        run_job(job, folder / name, Run(lambda fraction, text: print(f"{100 * fraction:5.1f} % {text}", flush=True)))


def rows_of(records: Sequence[CaseRecord]) -> list[list[str]]:
    """Return the lines of the table: one for each set and number of examples.

    Intervals are of the mean over people: they are resampled with all of their structures.
    """
    rows = []
    plain = list(
        dict.fromkeys((r.item.dataset, r.item.condition) for r in records if not r.item.condition.endswith(WAYS[1:]))
    )
    for dataset, condition in plain:
        of = {
            (record.method, record.item.condition): [
                one
                for one in records
                if (one.item.dataset, one.item.condition, one.method) == (dataset, record.item.condition, record.method)
            ]
            for record in records
        }
        ours = of["registered_context", condition]
        counts = f"{len(ours)} ({len({record.item.subject for record in ours})})"
        shown = [of.get(("registered_context", condition + way), []) for way in WAYS]
        cells = [_dice(found) for found in (of["mean-mask", condition], *shown)]
        rows.append([dataset, condition.split()[0], counts, *cells])
    return rows


def _dice(records: Sequence[CaseRecord]) -> str:
    if not records:  # one example has nobody to exchange its mask with
        return "-"
    found = mean_with_interval([r.values["dice"] for r in records], [r.item.subject for r in records])
    return f"{found.mean:.3f} ({found.lower:.3f} to {found.upper:.3f})"


def table(folder: Path, json_file: Path | None) -> None:
    """Print the table of all reports, and write it with every case."""
    evaluations = [read_results(file) for file in sorted(folder.rglob("results.json"))]
    records = [record for evaluation in evaluations for record in evaluation.records]
    rows = rows_of(records)
    for row in (HEADER, ["---"] * len(HEADER), *rows):
        print(f"| {' | '.join(row)} |")
    if json_file:
        values = {
            "seed": evaluations[0].seed,
            "people": {name: PEOPLE[name] for name in dict.fromkeys(record.item.dataset for record in records)},
            "environment": dict(evaluations[0].environment),
            "settings": [dict(evaluation.settings) for evaluation in evaluations],
            "table": [dict(zip(HEADER, row, strict=True)) for row in rows],
            "records": [_short(record) for record in records],
        }
        json_file.write_text(json.dumps(values, separators=(",", ":")).replace("},{", "},\n{") + "\n")


def _short(record: CaseRecord) -> dict[str, object]:
    return {**asdict(record.item), "method": record.method, "dice": round(record.values["dice"], 4)}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="put the questions")
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("datasets", nargs="*", default=list(PEOPLE), help="names of described sets (both)")
    measuring.add_argument("--seed", type=int, default=COMMITTED_SEED)
    showing = commands.add_parser("table", help="show what was found")
    showing.add_argument("folder", type=Path)
    showing.add_argument("--json", type=Path, help="also write everything here")
    chosen = parser.parse_args()
    if chosen.command == "measure":
        measure(chosen.folder, chosen.datasets, chosen.seed)
    else:
        table(chosen.folder, chosen.json)


if __name__ == "__main__":
    main()
