"""Models on labelled images, as a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..engine.engine import Engine
from ..engine.run import Run
from ..errors import InvalidRequest
from ..geometry import VolumeGeometry
from ..prompts import Prompt
from ..volume import ImageVolume
from .datasets.dataset import Dataset
from .engine_methods import EngineClicks
from .job import Job
from .protocols.interactive import InteractiveProtocol
from .protocols.questions import list_questions
from .report.files import Mask, MasksOf
from .work import CaseRecord


def job_of_models(
    models: Sequence[str],
    datasets: Sequence[Dataset],
    engine: Engine,
    *,
    labels: Sequence[str] = (),
    subjects: Sequence[str] = (),
    clicks: int = 5,
    tolerance: float = 2.0,
    seed: int = 0,
) -> Job:
    """Return the evaluation of models by box and clicks on labelled images.

    Parameters
    ----------
    models
        Names in the catalogue.
    datasets
        The images.
    engine
        What runs the models.
    labels, subjects
        What and whom to ask for; empty stands for all.
    clicks
        Clicks after the box.
    tolerance
        How far a surface may be off for NSD [mm, or pixels].
    seed
        Of what is drawn, and of the intervals.

    Raises
    ------
    InvalidRequest
        There is no model or no data set, or a setting cannot be used.
    """
    _check_choice(models, [dataset.name for dataset in datasets], engine)
    protocols = {
        dataset.name: InteractiveProtocol(
            dataset, tuple(labels), tuple(subjects), clicks, tolerance=tolerance, seed=seed
        )
        for dataset in datasets
    }
    methods = {model: EngineClicks(engine, model) for model in models}
    settings = {
        "Data sets": [f"{dataset.name} (subjects: {len(dataset.subjects)})" for dataset in datasets],
        "Labels": ", ".join(labels) or "all",
        "Subjects": ", ".join(subjects) or "all",
        "Tolerance": tolerance,
    }
    masks_of = _masks_by_asking_again({dataset.name: dataset for dataset in datasets}, protocols, methods)
    return Job(list(protocols.values()), methods, settings, masks_of, seed)


def _check_choice(models: Sequence[str], datasets: Sequence[str], engine: Engine) -> None:
    known = [name for name, spec in engine.models().items() if spec.paradigm == "prompt"]
    unknown = [model for model in models if model not in known]
    if unknown or not models:
        message = f"There is no model '{unknown[0]}' that takes clicks." if unknown else "No model is chosen."
        raise InvalidRequest(message, f"Choose some of: {', '.join(known)}.")
    if not datasets or len(set(datasets)) < len(datasets):
        message = "Two data sets have one name." if datasets else "No data set is chosen."
        raise InvalidRequest(message, "Choose data sets with different names, at least one.")


def _masks_by_asking_again(
    sets: Mapping[str, Dataset], protocols: Mapping[str, InteractiveProtocol], methods: Mapping[str, EngineClicks]
) -> MasksOf:
    """Return what makes the masks of a case again: they were not kept, and the same prompts give the same answers."""

    def masks_of(record: CaseRecord, run: Run) -> tuple[Mask, Mask, VolumeGeometry]:
        item = record.item
        question = list_questions(sets[item.dataset], [item.label], [item.subject])[item]
        truth = question.case.mask(item.label)
        last = np.zeros(truth.geometry.shape, bool)

        def remember(image: ImageVolume, prompts: tuple[Prompt, ...], run: Run) -> Mask:
            nonlocal last
            last = methods[record.method](image, prompts, run)
            return last

        if not record.failure:
            protocols[item.dataset].evaluate(item, remember, run)
        return last, truth.full(), truth.geometry

    return masks_of
