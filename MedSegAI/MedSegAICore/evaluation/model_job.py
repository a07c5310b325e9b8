"""Models on labelled images, as a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from ..engine.engine import Engine
from ..engine.run import Run
from ..errors import InvalidRequest, WeightsMissing
from ..geometry import VolumeGeometry
from ..request import SamplingOptions
from .datasets.content import content_digest, files_of
from .datasets.dataset import Dataset
from .engine_methods import EngineCandidates, EngineClicks, EngineContext, EngineExamples, EngineSamples
from .job import Job
from .protocols.baselines import first_mask, mean_mask
from .protocols.plans import Asked, ImageProtocol, InteractivePlan, MethodKind, Plan
from .protocols.schemes import SupportMethod
from .registered_masks import affine_masks, deformed_masks
from .report.files import Mask, MasksOf
from .work import CaseRecord

SUPPORT_METHODS: Mapping[str, Callable[[Engine], SupportMethod]] = {
    "mean-mask": lambda _engine: mean_mask,
    "first-mask": lambda _engine: first_mask,
    "affine": lambda _engine: affine_masks,
    "deformable": lambda _engine: deformed_masks,
}
"""What makes the methods that any other from examples has to beat, by name."""

PROMPT, DIFFUSION = "prompt", "diffusion"
"""Paradigms of the models that clicks are asked of, the former, and candidates, both."""

FROM_EXAMPLES: Mapping[str, Callable[[Engine, str], SupportMethod]] = {
    "fewshot": EngineExamples,
    "incontext": EngineContext,
}
"""What asks the models of each paradigm that takes examples."""


def job_of_models(
    models: Sequence[str],
    datasets: Sequence[Dataset],
    engine: Engine,
    plan: Plan | None = None,
    asked: Asked | None = None,
    sampling: SamplingOptions | None = None,
) -> Job:
    """Return the evaluation of models on labelled images.

    Parameters
    ----------
    models
        Names in the catalogue, or of `SUPPORT_METHODS` where the protocol shows examples.
    datasets
        The images.
    engine
        What runs the models.
    plan
        The protocol; None for a box and five clicks.
    asked
        What and whom to ask for, and the seed; None for everything.
    sampling
        How diffusion models draw their candidates, with the seed of `asked`; None for the usual way.

    Raises
    ------
    InvalidRequest
        There is no model or no data set, or a setting cannot be used.
    InvalidDataset
        There is no subject of a name that is asked for.
    WeightsMissing
        A model has no checkpoint file.
    """
    plan, asked = plan or InteractivePlan(), asked or Asked()
    sampling = replace(sampling or SamplingOptions(), seed=asked.seed)
    methods = _methods(plan.asks_for, models, engine, sampling)
    if not datasets or len({dataset.name for dataset in datasets}) < len(datasets):
        message = "Two data sets have one name." if datasets else "No data set is chosen."
        raise InvalidRequest(message, "Choose data sets with different names, at least one.")
    by_set = [plan.over(dataset, asked) for dataset in datasets]
    settings = {
        "Data sets": [_in_words(protocols[0].dataset) for protocols in by_set],
        "Labels": ", ".join(asked.labels) or "all",
        "Subjects": [subject for dataset in datasets for subject in _chosen(dataset, asked)] or "all",
        "Tolerance": asked.tolerance,
        "Weights": _weights_in_words(models, engine),
    }
    if any(isinstance(method, EngineSamples) for method in methods.values()):
        settings["Sampling"] = ", ".join(f"{name}: {value}" for name, value in asdict(sampling).items())
    protocols = [protocol for protocols in by_set for protocol in protocols]
    return Job(protocols, methods, settings, _masks_by_asking_again(protocols, methods), asked.seed)


def _methods(kind: MethodKind, names: Sequence[str], engine: Engine, sampling: SamplingOptions) -> dict[str, Any]:
    """Return the methods of these names."""
    known: dict[str, Callable[[], Any]]
    if kind == "supports":
        known = {name: partial(make, engine) for name, make in SUPPORT_METHODS.items()}
        for name, spec in engine.models().items():
            if spec.paradigm in FROM_EXAMPLES:
                known[name] = partial(FROM_EXAMPLES[spec.paradigm], engine, name)
    else:
        wrapped = EngineClicks if kind == "clicks" else EngineCandidates
        prompted = [name for name, spec in engine.models().items() if spec.paradigm == PROMPT]
        known = {name: partial(wrapped, engine, name) for name in prompted}
        if kind == "candidates":
            drawing = [name for name, spec in engine.models().items() if spec.paradigm == DIFFUSION]
            known |= {name: partial(EngineSamples, engine, name, sampling) for name in drawing}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        needed = "examples" if kind == "supports" else "clicks"
        message = f"There is no model '{unknown[0]}' that takes {needed}." if unknown else "No model is chosen."
        raise InvalidRequest(message, f"Choose some of: {', '.join(known)}.")
    return {name: known[name]() for name in names}


def _in_words(dataset: Dataset) -> str:
    """Return what the values depend on: the name of a data set and the images that may be looked at."""
    files = files_of(dataset.cases)
    counts = f"subjects: {len(dataset.subjects)}, images: {len(dataset.cases)}"
    return f"{dataset.name} ({counts}, files: {len(files)} with digest {content_digest(files)})"


def _weights_in_words(models: Sequence[str], engine: Engine) -> str:
    """Return which checkpoints the answers depend on."""
    digests = []
    for model in models:
        file = engine.weights_file(model) if model in engine.models() else None
        if file is not None and not file.is_file():
            message = f"There is no checkpoint file {file}."
            raise WeightsMissing(message, "Choose the file of the model.")
        if file is not None:
            digests.append(f"{model}: digest {content_digest([file])}")
    return ", ".join(digests) or "none"


def _chosen(dataset: Dataset, asked: Asked) -> tuple[str, ...]:
    """Return whom to ask for in a data set; nobody if that is everyone."""
    chosen = asked.subjects_of(dataset)
    return () if chosen == dataset.subjects else chosen


def _masks_by_asking_again(protocols: Sequence[ImageProtocol], methods: Mapping[str, Any]) -> MasksOf:
    """Return what makes the masks of a case again: they were not kept, and the same question has the same answer."""

    def masks_of(record: CaseRecord, run: Run) -> tuple[Mask, Mask, VolumeGeometry]:
        protocol = next(protocol for protocol in protocols if record.item in protocol.items())
        return protocol.masks(record.item, None if record.failure else methods[record.method], run)

    return masks_of
