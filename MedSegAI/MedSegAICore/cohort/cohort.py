"""A cohort, and what is left to do of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..engine.cache import ByteBoundedCache
from ..engine.engine import Engine
from ..errors import InvalidManifest, InvalidRequest, MedSegAIError, UnknownModel
from ..fewshot.model_file import read_description
from ..models.checkpoint import file_sha256
from ..request import FewShotTask
from .case_files import ENDINGS
from .case_record import CaseFailure, CaseRecord, read_failure, read_record
from .case_task import supports_of
from .case_work import CaseJob
from .cohort_recipe import CohortRecipe
from .dicom_segmentation import check_dicom_packages
from .manifest import Case

State = Literal["new", "changed", "kept", "failed"]
_HASHES = 1 << 16  # [bytes]


@dataclass(frozen=True, eq=False)
class Cohort:
    """Many images and what is done with them.

    Parameters
    ----------
    cases
        The images with their prompts or support models.
    recipe
        What is done with each.
    folder
        Receives the results.
    formats
        Names out of `ENDINGS`, at least one.
    device
        "auto", "cpu", "cuda"...
    weights
        Checkpoint by name of the model; others are looked for in the weights folders.
    retry
        Whether cases that failed before are tried again though nothing has changed.
    verify
        Whether results that are there are compared with their hashes.
    """

    cases: tuple[Case, ...]
    recipe: CohortRecipe
    folder: Path
    formats: tuple[str, ...] = ("seg.nrrd",)
    device: str = "auto"
    weights: Mapping[str, Path] = field(default_factory=dict)
    retry: bool = False
    verify: bool = False

    def __post_init__(self) -> None:
        strange = [name for name in self.formats if name not in ENDINGS]
        if strange or not self.formats:
            message = f"There is no format '{strange[0]}'." if strange else "No format is given for the results."
            raise InvalidRequest(message, f"Choose from: {', '.join(ENDINGS)}.")
        if "dcm" in self.formats:
            check_dicom_packages()

    def engine(self) -> Engine:
        """Return an engine that segments the cases."""
        return Engine(self.device, self.weights)


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a case stands before the run.

    Parameters
    ----------
    job
        What is to be done.
    state
        `new`, `changed` since it was done, `kept` as it is, or `failed` before and not tried again.
    record
        Provenance of the results that are there.
    failure
        Why it failed before.
    """

    job: CaseJob
    state: State
    record: CaseRecord | None = None
    failure: CaseFailure | None = None


def standings(cohort: Cohort, engine: Engine) -> list[Standing]:
    """Return where every case stands, in their order.

    Raises
    ------
    UnknownModel, WeightsMissing, LicenceNotAccepted...
        The model of the recipe cannot run at all.
    InvalidManifest
        A result would replace one of the inputs, or leave the output folder.
    """
    hashes: dict[str, str] = {}
    jobs = [_job(cohort, case, engine, hashes) for case in cohort.cases]
    _check_places(jobs)
    return [_standing(cohort, job) for job in jobs]


def _job(cohort: Cohort, case: Case, engine: Engine, hashes: dict[str, str]) -> CaseJob:
    model = _model_of(case, cohort.recipe)
    if model and model not in hashes:
        hashes[model] = _weights_hash(engine, model)
    weights = tuple((name, path.absolute()) for name, path in cohort.weights.items())
    folder = cohort.folder.absolute()
    return CaseJob(case, cohort.recipe, folder, cohort.formats, hashes.get(model, ""), cohort.device, weights)


def _model_of(case: Case, recipe: CohortRecipe) -> str:
    """Return the model of a case; "" if its support model cannot be read, which is that case's failure."""
    if recipe.task.model or not isinstance(recipe.task, FewShotTask):
        return recipe.task.model
    supports = supports_of(case, recipe)
    try:
        return read_description(supports).method if supports else ""
    except MedSegAIError:
        return ""


def _weights_hash(engine: Engine, model: str) -> str:
    if model not in engine.models():
        message = f"There is no model '{model}'."
        raise UnknownModel(message, f"Choose one of: {', '.join(sorted(engine.models()))}.")
    file = engine.weights_file(model)
    return file_sha256(file, ByteBoundedCache(_HASHES)) if file else ""


def _check_places(jobs: list[CaseJob]) -> None:
    written = {file.absolute(): job.case for job in jobs for file in job.files.all_results()}
    for job in jobs:
        job.files.check_place()
        for file in (job.case.image, *(file for _, file in job.case.prompts)):
            if other := written.get(file.absolute()):
                message = f"The results of '{other.name}' would replace '{file.name}', which is an input."
                raise InvalidManifest(message, "Choose another output folder.")


def _standing(cohort: Cohort, job: CaseJob) -> Standing:
    record, failure = read_record(job.files.record), read_failure(job.files.failure)
    if record is not None:
        same = job.key(job.digests(record.inputs)) == record.key
        if same and job.files.are_whole(record, verify=cohort.verify):
            return Standing(job, "kept", record)
        return Standing(job, "changed", record)
    if failure is not None:
        is_same = job.key(job.digests()) == failure.key
        return Standing(job, "failed" if is_same and not cohort.retry else "changed", failure=failure)
    return Standing(job, "new")
