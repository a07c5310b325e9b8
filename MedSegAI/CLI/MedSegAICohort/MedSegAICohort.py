#!/usr/bin/env python-real
"""Segment many images, on one computer or a cluster, losing nothing; a Slicer CLI that runs as plain Python too."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

try:
    import MedSegAICore
except ImportError:  # in the source tree, where nothing is installed
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import MedSegAICore

from MedSegAICore.cohort.case_files import ENDINGS
from MedSegAICore.cohort.case_loop import CaseReport
from MedSegAICore.cohort.cluster_worker import cluster_of
from MedSegAICore.cohort.cohort import Cohort
from MedSegAICore.cohort.dry_run import dry_run
from MedSegAICore.cohort.options import CohortOptions
from MedSegAICore.cohort.runner import run_cohort
from MedSegAICore.cohort.summary import PAGE, TABLE
from MedSegAICore.cohort.terminal import shown_progress
from MedSegAICore.command_line import (
    cancel_on_signal,
    exit_code,
    optional_path,
    parameters_text,
    report_end,
    report_start,
    say,
    write_text,
)
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import MedSegAIError
from MedSegAICore.models.prompt_default import AUTO, OWN_NETWORK, WITHOUT_PACKAGES

NAME = "MedSegAI Cohort"

EXAMPLES = """examples:
  MedSegAICohort.py results --table cases.csv --recipe spleen.json
  MedSegAICohort.py results --images scans --pattern {subject}/ct.nii.gz --prompts box={subject}/box.mrk.json
  MedSegAICohort.py results --images scans --modelFile organs.safetensors --workers 4 --formats seg.nrrd,nii.gz
  MedSegAICohort.py results --table cases.csv --recipe spleen.json --scheduler tls://server:8786 --certificates tls

The table has the columns image, positive, negative, box, mask, supports, series, case and output; only image is
needed. The same command again does only what is missing or has changed. Not a medical device.
"""


def main(arguments: Sequence[str], cancel: CancelToken) -> int:
    """Run the command and return its exit code: 0, or 1 after one sentence on the standard error."""
    options = parser().parse_args(arguments)
    return exit_code(lambda: run(options, cancel), verbose=options.verbose)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; the XML beside this file describes the same to Slicer."""
    made = argparse.ArgumentParser(
        prog="MedSegAICohort",
        description="Segment many images, on one computer or a cluster, losing nothing.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("output", type=Path, help="folder for the results, summary.csv and index.html")
    file = {"type": optional_path, "metavar": "FILE"}
    folder = {"type": optional_path, "metavar": "FOLDER"}
    images = made.add_argument_group("images: a table, or a folder with a pattern")
    images.add_argument("--table", **file, help="CSV table of images, prompts and places of the results")
    images.add_argument("--images", **folder, help="folder of images")
    images.add_argument("--pattern", default="{image}.nii.gz", help="of their paths; a / at its end stands for DICOM")
    images.add_argument("--prompts", default="", metavar="box=PATTERN", help="patterns of prompts; also positive, mask")
    recipe = made.add_argument_group("recipe: a file, a support model, or a model for prompts")
    recipe.add_argument("--recipe", **file, help="paradigm, model and settings, or the recipe of a result (.json)")
    recipe.add_argument("--modelFile", **file, help="support model of MedSegAIFewShot (.safetensors)")
    recipe.add_argument(
        "--model",
        default=AUTO,
        help=f"model for prompts without a recipe ({AUTO}: {OWN_NETWORK}, or {WITHOUT_PACKAGES} without PyTorch)",
    )
    recipe.add_argument("--labels", default="", metavar="A=1", help="names and values of the structures")
    recipe.add_argument("--weights", default="", metavar="MODEL=FILE", help="checkpoints of the models")
    recipe.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    results = made.add_argument_group("results")
    results.add_argument("--formats", default="seg.nrrd", help=f"of the results: {', '.join(ENDINGS)} (seg.nrrd)")
    results.add_argument("--dryRun", action="store_true", help="only say what would be done, and the time it takes")
    results.add_argument("--retry", action="store_true", help="try again what failed before and has not changed")
    results.add_argument("--verify", action="store_true", help="compare results that are there with their hashes")
    workers = made.add_argument_group("workers")
    workers.add_argument("--workers", type=int, default=1, metavar="N", help="processes of this computer (1)")
    workers.add_argument("--memory", type=float, default=0.0, metavar="GIB", help="memory for each (an equal share)")
    workers.add_argument("--scheduler", default="", metavar="ADDRESS", help="Dask scheduler: tls://host:port")
    workers.add_argument("--certificates", **folder, help="folder with ca.pem, cert.pem and key.pem")
    made.add_argument("--returnparameterfile", type=optional_path, help=argparse.SUPPRESS)
    made.add_argument("--verbose", action="store_true", help="show where in the program an error arose")
    made.add_argument("--version", action="version", version=MedSegAICore.__version__)
    return made


def run(options: argparse.Namespace, cancel: CancelToken) -> None:
    """Do what is missing, write the summary and say what failed."""
    began = time.perf_counter()
    report_start(NAME, "Reading")
    chosen = chosen_options(options)
    plan, cohort = chosen.plan(), chosen.cohort()
    with shown_progress() as progress:
        work = Run(progress, cancel)
        if options.dryRun:
            say_what_would_be_done(options, cohort, work)
            return
        reports = run_cohort(cohort, work, (lambda: cluster_of(plan, cohort)) if plan else None)
    seconds = time.perf_counter() - began
    tell(options, reports, seconds)
    report_end(NAME, seconds)
    if failed := [report for report in reports if report.failure]:
        message = f"{len(failed)} of {len(reports)} cases failed, such as '{failed[0].job.case.name}'."
        raise MedSegAIError(message, f"The others are done; '{PAGE}' says why for each.")


def chosen_options(options: argparse.Namespace) -> CohortOptions:
    """Return what the parser has read."""
    alike = {field.name for field in fields(CohortOptions)} - {"model_file"}
    return CohortOptions(model_file=options.modelFile, **{name: getattr(options, name) for name in alike})


def say_what_would_be_done(options: argparse.Namespace, cohort: Cohort, work: Run) -> None:
    """Print where every case stands, and the estimated time."""
    found = dry_run(cohort, work)
    for line in found.lines(options.workers):
        say(line)
    if options.returnparameterfile:
        counts = {"cases": len(found.found), "done": 0, "kept": len(found.found) - found.todo, "failures": 0}
        estimate = found.total_seconds(options.workers) or 0.0
        rest = {"usedModel": "", "seconds": f"{estimate:.3f}", "warnings": found.measured, "page": ""}
        write_text(options.returnparameterfile, parameters_text({**counts, **rest}))


def tell(options: argparse.Namespace, reports: Sequence[CaseReport], seconds: float) -> None:
    """Print how many cases were done, and what failed; write the report to Slicer."""
    counts = {status: sum(report.status == status for report in reports) for status in ("done", "kept", "failed")}
    failures = [f"{report.job.case.name}: {report.failure.as_error()}" for report in reports if report.failure]
    say(f"{len(reports)} cases: {counts['done']} done, {counts['kept']} kept, {counts['failed']} failed.")
    for line in failures:
        say(line)
    say(f"'{options.output / PAGE}' shows what to look at first, '{TABLE}' holds all numbers. Not a medical device.")
    if options.returnparameterfile:
        models = sorted({report.record.model for report in reports if report.record})
        numbers = {"cases": len(reports), "done": counts["done"], "kept": counts["kept"], "failures": counts["failed"]}
        rest = {"usedModel": ", ".join(models), "seconds": f"{seconds:.3f}", "warnings": " ".join(failures[:5])}
        page = {"page": (options.output / PAGE).absolute()}
        write_text(options.returnparameterfile, parameters_text({**numbers, **rest, **page}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], cancel_on_signal()))
