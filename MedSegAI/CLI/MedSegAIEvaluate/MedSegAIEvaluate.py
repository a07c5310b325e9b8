#!/usr/bin/env python-real
"""Measure segmentations, or models on labelled images; a Slicer CLI that runs as plain Python too."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

try:
    import MedSegAICore
except ImportError:  # in the source tree, where nothing is installed
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import MedSegAICore

from MedSegAICore.command_line import (
    cancel_on_signal,
    exit_code,
    optional_path,
    parameters_text,
    parts,
    report_end,
    report_progress,
    report_start,
    say,
    write_text,
)
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import InvalidRequest
from MedSegAICore.evaluation.datasets.dataset import load_dataset
from MedSegAICore.evaluation.error_maps import combined_error_map
from MedSegAICore.evaluation.file_comparison import FilePair
from MedSegAICore.evaluation.file_job import job_of_files, pairs_in
from MedSegAICore.evaluation.job import RECORDS, Job, run_job
from MedSegAICore.evaluation.model_job import SUPPORT_METHODS, job_of_models
from MedSegAICore.evaluation.next_click import ClickRule
from MedSegAICore.evaluation.protocols.plans import (
    CONTEXT_SIZES,
    ONE_SUPPORT,
    SCHEMES,
    Asked,
    InteractivePlan,
    Plan,
    RatersPlan,
    few_shot_plan,
    in_context_plan,
)
from MedSegAICore.evaluation.report.evaluation import Evaluation
from MedSegAICore.evaluation.statistics import mean_with_interval
from MedSegAICore.images import image_from_array, write_image
from MedSegAICore.label_files import file_stem, wanted_labels
from MedSegAICore.request import SamplingOptions

NAME = "MedSegAI Evaluate"
PROTOCOLS = ("interactive", "few-shot", "in-context", "raters")

EXAMPLES = """examples:
  MedSegAIEvaluate.py results --prediction mine.seg.nrrd --reference truth.nii.gz --labels liver=1,spleen=2
  MedSegAIEvaluate.py results --predictions mine --references truth
  MedSegAIEvaluate.py results --models adaptive --datasets ct_abdomen_volume --datasetFolder data
  MedSegAIEvaluate.py results --protocol in-context --models mean-mask,first-mask --supports 1,4 --datasets mine.json
  MedSegAIEvaluate.py results --protocol raters --models diffusion_lung_nodules,adaptive --datasets mine.json

The folder receives table.md, cases.csv, results.json, plots, and maps of the worst errors for Slicer. A run that was
stopped goes on when it is started again. Not a medical device.
"""

Found = tuple[Job, list[str]]
"""What is evaluated, and what the user should know about it."""


def main(arguments: Sequence[str], cancel: CancelToken) -> int:
    """Run the command and return its exit code: 0, or 1 after one sentence on the standard error."""
    options = parser().parse_args(arguments)
    return exit_code(lambda: run(options, cancel), verbose=options.verbose)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; the XML beside this file describes the same to Slicer."""
    made = argparse.ArgumentParser(
        prog="MedSegAIEvaluate",
        description="Measure segmentations against references, or models on labelled images.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("output", type=Path, help="folder for the results")
    file = {"type": optional_path, "metavar": "FILE"}
    folder = {"type": optional_path, "metavar": "FOLDER"}
    one = made.add_argument_group("compare two segmentations")
    one.add_argument("--prediction", **file, help="label map or .seg.nrrd to measure")
    one.add_argument("--reference", **file, help="label map or .seg.nrrd to measure against")
    one.add_argument("--errorMap", **file, help="label map to write: 1 correct, 2 too much, 3 missed")
    many = made.add_argument_group("compare folders, file by file of the same name")
    many.add_argument("--predictions", **folder, help="folder of segmentations to measure")
    many.add_argument("--references", **folder, help="folder of references; a missing prediction is a failure")
    names = {"default": "", "metavar": "A,B"}
    models = made.add_argument_group("evaluate models on labelled images")
    models.add_argument("--models", **names, help="names of the models, such as adaptive; the first is compared with")
    models.add_argument("--protocol", choices=PROTOCOLS, default="interactive", help="how they are asked (interactive)")
    models.add_argument("--datasets", **names, help="names of described data sets, or their JSON files")
    models.add_argument("--datasetFolder", **folder, help="folder that holds the folders of the described data sets")
    models.add_argument("--subjects", **names, help="whom to ask for (all)")
    models.add_argument("--most", type=int, default=0, metavar="N", help="at most so many of them, drawn (0: all)")
    models.add_argument("--weights", default="", metavar="MODEL=FILE", help="checkpoints of the models")
    models.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    clicks = made.add_argument_group("interactive: a box and clicks placed by rule")
    clicks.add_argument("--clicks", type=int, default=5, metavar="N", help="clicks after the box (5)")
    clicks.add_argument("--noBox", action="store_true", help="start with a click instead of a box")
    clicks.add_argument("--rule", choices=("thickest", "largest"), default="thickest", help="error to click (thickest)")
    clicks.add_argument("--jitter", type=float, default=0.0, metavar="SHARE", help="how far clicks miss, 0 to <1 (0)")
    clicks.add_argument("--draws", type=int, default=1, metavar="N", help="how often clicks are drawn (1)")
    examples = made.add_argument_group(f"few-shot, in-context: models are {', '.join(SUPPORT_METHODS)}")
    examples.add_argument("--supports", default="", metavar="1,4", help="numbers of examples (1; in-context 1,4,16,64)")
    examples.add_argument("--scheme", choices=SCHEMES, default="full-volume", help="of few-shot (full-volume)")
    examples.add_argument("--slices", type=int, default=12, metavar="N", help="annotated slices of roy (12)")
    examples.add_argument("--deranged", action="store_true", help="in-context: once more with masks exchanged")
    examples.add_argument("--unmatched", action="store_true", help="in-context: once more mirrored and moved")
    raters = made.add_argument_group("raters: images that several people drew on")
    raters.add_argument("--prompt", choices=("point", "box"), default="box", help="what the model is told (box)")
    raters.add_argument("--samples", type=int, default=16, metavar="N", help="masks that diffusion models draw (16)")
    raters.add_argument("--steps", type=int, default=10, metavar="N", help="steps in which they draw them (10)")
    settings = made.add_argument_group("settings")
    settings.add_argument("--labels", default="", metavar="A=1,B=2", help="structures, with values in label maps (all)")
    settings.add_argument("--name", default="prediction", help="what tables call the segmentations (prediction)")
    settings.add_argument("--resample", action="store_true", help="bring predictions onto the reference's grid")
    settings.add_argument("--tolerance", type=float, default=2.0, metavar="MM", help="of the surface Dice (2)")
    settings.add_argument("--seed", type=int, default=0, metavar="N", help="of everything that is drawn (0)")
    settings.add_argument("--worst", type=int, default=5, metavar="N", help="number of error maps (5)")
    settings.add_argument("--earlier", **file, help="results.json of an earlier run to compare with")
    made.add_argument("--returnparameterfile", type=optional_path, help=argparse.SUPPRESS)
    made.add_argument("--verbose", action="store_true", help="show where in the program an error arose")
    made.add_argument("--version", action="version", version=MedSegAICore.__version__)
    return made


def run(options: argparse.Namespace, cancel: CancelToken) -> None:
    """Evaluate and write the results."""
    began = time.perf_counter()
    report_start(NAME, "Reading")
    job, warnings = chosen_job(options)
    progress = Run(report_progress, cancel)
    if options.prediction:  # takes seconds, and nodes of Slicer come as other files each time: never go on
        (options.output / RECORDS).unlink(missing_ok=True)
    evaluation, more = run_job(job, options.output, progress, earlier=options.earlier, worst=max(options.worst, 0))
    warnings += [*more, *failures(evaluation)]
    if options.errorMap:
        write_error_label_map(options.errorMap, job, evaluation, progress)
    for warning in warnings:
        say(f"Warning: {warning}")
    say(f"The results are in '{options.output}'. Not a medical device.")
    if options.returnparameterfile:
        write_text(options.returnparameterfile, report_text(evaluation, warnings))
    report_end(NAME, time.perf_counter() - began)


def chosen_job(options: argparse.Namespace) -> Found:
    """Return the evaluation that the options ask for.

    Raises
    ------
    InvalidRequest
        They ask for none, or for several.
    """
    asked = {
        job_of_two_files: bool(options.prediction or options.reference),
        job_of_two_folders: bool(options.predictions or options.references),
        job_of_chosen_models: bool(options.models or options.datasets),
    }
    if sum(asked.values()) != 1:
        message = "It is not clear what to evaluate."
        advice = "Give --prediction and --reference, or --predictions and --references, or --models and --datasets."
        raise InvalidRequest(message, advice)
    if options.errorMap and not options.prediction:
        message = "One error map can only show the comparison of two segmentations."
        raise InvalidRequest(message, "Leave --errorMap out; the worst cases have error maps in the folder 'errors'.")
    return next(make for make, is_asked in asked.items() if is_asked)(options)


def job_of_two_files(options: argparse.Namespace) -> Found:
    """Compare two segmentations."""
    if not (options.prediction and options.reference):
        message = "Two segmentations are needed."
        raise InvalidRequest(message, "Give both --prediction and --reference.")
    if not options.prediction.is_file():
        message = f"There is no file '{options.prediction}'."
        raise InvalidRequest(message, "Choose an existing file.")
    pair = FilePair(file_stem(options.reference), options.prediction, options.reference)
    return compared_files(options, [pair], "files"), []


def job_of_two_folders(options: argparse.Namespace) -> Found:
    """Compare all files of two folders."""
    if not (options.predictions and options.references):
        message = "Two folders are needed."
        raise InvalidRequest(message, "Give both --predictions and --references.")
    pairs, strays = pairs_in(options.predictions, options.references)
    names = ", ".join(file.name for file in strays)
    warnings = [f"Predictions without a reference are left out: {names}."] if strays else []
    return compared_files(options, pairs, options.references.resolve().name), warnings


def compared_files(options: argparse.Namespace, pairs: Sequence[FilePair], dataset: str) -> Job:
    """Return the comparison of pairs of files with the settings of the options."""
    return job_of_files(
        pairs,
        dataset,
        options.name,
        wanted=wanted_labels(options.labels),
        tolerance=options.tolerance,
        resample=options.resample,
        seed=options.seed,
    )


def job_of_chosen_models(options: argparse.Namespace) -> Found:
    """Evaluate models on data sets."""
    sets = [
        load_dataset(Path(name)) if name.endswith(".json") else load_dataset(name, options.datasetFolder)
        for name in parts(options.datasets)
    ]
    weights = dict(part.partition("=")[::2] for part in parts(options.weights))
    if not all(weights.values()):
        message = f"The weights '{options.weights}' cannot be read."
        raise InvalidRequest(message, "Write them as model=file, such as sam_vit_b=sam_vit_b_01ec64.pth.")
    engine = Engine(options.device, {model: Path(file) for model, file in weights.items()})
    who = tuple(parts(options.labels)), tuple(parts(options.subjects)), options.most
    asked = Asked(*who, tolerance=options.tolerance, seed=options.seed)
    sampling = SamplingOptions(options.samples, options.steps)
    return job_of_models(parts(options.models), sets, engine, chosen_plan(options), asked, sampling), []


def chosen_plan(options: argparse.Namespace) -> Plan:
    """Return the protocol that models are evaluated by."""
    if options.protocol == "interactive":
        rule = ClickRule(options.rule, options.jitter)
        return InteractivePlan(options.clicks, not options.noBox, rule, options.draws)
    if options.protocol == "raters":
        return RatersPlan(options.prompt)
    supports = [whole_number(part) for part in parts(options.supports)]
    if options.protocol == "few-shot":
        return few_shot_plan(options.scheme, supports or ONE_SUPPORT, options.slices)
    return in_context_plan(supports or CONTEXT_SIZES, deranged=options.deranged, unmatched=options.unmatched)


def whole_number(text: str) -> int:
    """Return a number of examples.

    Raises
    ------
    InvalidRequest
        It is none.
    """
    if not text.isdecimal():
        message = f"'{text}' is no number of examples."
        raise InvalidRequest(message, "Write numbers separated by commas, such as --supports 1,4,16.")
    return int(text)


def failures(evaluation: Evaluation) -> list[str]:
    """Say in words what failed, the first few of them."""
    reasons = list(dict.fromkeys(record.failure for record in evaluation.records if record.failure))
    return [*reasons[:5], *([f"There are {len(reasons) - 5} more failures; see table.md."] if len(reasons) > 5 else [])]


def write_error_label_map(file: Path, job: Job, evaluation: Evaluation, run: Run) -> None:
    """Write the errors of all structures of one case into one label map."""
    labels = combined_error_map(job.masks_of(record, run)[:2] for record in evaluation.records)
    geometry = job.masks_of(evaluation.records[0], run)[2]
    write_image(file, image_from_array(labels, geometry))


def report_text(evaluation: Evaluation, warnings: Sequence[str]) -> str:
    """Return what comes back to Slicer."""
    first = evaluation.quantities[0]
    values = [record.values[first.name] for record in evaluation.records]
    mean = mean_with_interval(values, range(len(values))).mean
    failed = sum(evaluation.is_failure(record) for record in evaluation.records)
    return parameters_text(
        {"cases": len(values), "failures": failed, "mean": f"{mean:.4f}", "warnings": " ".join(warnings)}
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], cancel_on_signal()))
