"""One case from its files to its results, on whatever computer this runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__
from ..candidates import with_structures
from ..engine.engine import Engine
from ..engine.run import Run
from ..errors import WeightsAltered
from ..fewshot.learned import Learned
from ..fewshot.result_files import filled_values, known_values, volume_ml, write_label_map, write_segments
from ..images import write_image
from ..request import FewShotTask, SegmentationRequest
from ..result import SegmentationResult, Structure
from ..segment_look import SegmentLook
from ..volume import ImageVolume
from .case_files import ENDINGS, PICTURE, CaseFiles, check_written
from .case_image import read_case_image
from .case_inputs import InputDigest, digests_of, without_names
from .case_record import CaseRecord, StructureRecord
from .case_task import supports_of, task_of
from .cohort_recipe import DEFAULT_LABEL, CohortRecipe, digest_of
from .dicom_segmentation import write_dicom_segmentation
from .manifest import Case
from .thumbnail import thumbnail


@dataclass(frozen=True, eq=False)
class CaseJob:
    """What a worker needs to know.

    Parameters
    ----------
    case, recipe
        What is segmented, and how.
    folder
        The output folder of the cohort.
    formats
        Names out of `ENDINGS`.
    model_sha256
        Hash of the model's weights; "" if it has none.
    device
        "auto", "cpu", "cuda"...
    weights
        Checkpoints by name of the model.
    """

    case: Case
    recipe: CohortRecipe
    folder: Path
    formats: tuple[str, ...]
    model_sha256: str = ""
    device: str = "auto"
    weights: tuple[tuple[str, Path], ...] = ()

    @property
    def files(self) -> CaseFiles:
        """Where the results lie."""
        return CaseFiles(self.folder, self.case)

    def digests(self, known: tuple[InputDigest, ...] = ()) -> tuple[InputDigest, ...]:
        """Return the digests of the case's files."""
        return digests_of(self.case, supports_of(self.case, self.recipe), known)

    def key(self, inputs: tuple[InputDigest, ...]) -> str:
        """Return the hash of all that the results depend on."""
        files = [[digest.role, digest.sha256] for digest in inputs]
        made_with = [self.recipe.sha256, self.model_sha256, sorted(self.formats), self.case.series, __version__]
        return digest_of([files, made_with])


def do_case(job: CaseJob, engine: Engine, run: Run) -> CaseRecord:
    """Segment a case and publish its results; return their record.

    Raises
    ------
    MedSegAIError
        Whatever is wrong with the image, the prompts, the model or the disk. No half file is left.
    """
    began = time.perf_counter()
    inputs = job.digests()
    found = segmented(job, engine, run)
    run.check()
    with job.files.staged((len(job.formats) + 1) * found.image.array.size) as draft:
        write_results(draft, job, found)
        check_written(list(draft.parent.iterdir()))
        run.check()
        return job.files.publish(draft, _record(job, inputs, found, time.perf_counter() - began))


@dataclass(frozen=True, eq=False)
class Segmented:
    """What was found on the image of a case.

    Parameters
    ----------
    image
        The image.
    result
        With one structure or more.
    values
        Value of every structure in label maps.
    looks
        How structures look in segmentations, as far as examples told.
    """

    image: ImageVolume
    result: SegmentationResult
    values: Mapping[str, int]
    looks: Mapping[str, SegmentLook]


def segmented(job: CaseJob, engine: Engine, run: Run) -> Segmented:
    """Return what is found on the image of a case; nothing is written. Raises what `do_case` raises."""
    run.step(0.0, f"{job.case.name}: reading")
    image = read_case_image(job.case)
    task, known = task_of(job.case, job.recipe, image), job.recipe.labels
    looks: Mapping[str, SegmentLook] = {}
    if isinstance(task, FewShotTask):
        learned = Learned.of(task, known)
        task, known, looks = learned.task, learned.values, learned.looks

    def progress(fraction: float, message: str) -> None:
        run.progress(fraction, f"{job.case.name}: {message}" if message else "")

    result = engine.segment(SegmentationRequest(image, task), progress, run.cancel)
    if job.model_sha256 and result.provenance.weights_hash not in ("", job.model_sha256):
        message = f"The weights of '{result.provenance.model}' are others here than where the cohort was started."
        raise WeightsAltered(message, "Put the same checkpoint onto every computer.")
    if not result.structures:
        result = with_structures(result, next(iter(known), DEFAULT_LABEL))
    labels = [structure.label for structure in result.structures]
    return Segmented(image, result, filled_values(labels, known_values(labels, known)), looks)


def write_results(draft: Path, job: CaseJob, found: Segmented) -> None:
    """Write every format and the picture beside each other, under the name of the draft with their endings."""
    result = found.result
    for name in job.formats:
        file = draft.with_name(draft.name + ENDINGS[name])
        if name == "seg.nrrd":
            write_segments(file, result, found.looks)
        elif name == "nii.gz":
            write_label_map(file, result, found.values)
        else:
            write_dicom_segmentation(file, job.case, result.structures, found.values, result.provenance.model)
    write_image(draft.with_name(draft.name + PICTURE), thumbnail(found.image, result.structures))


def _record(job: CaseJob, inputs: tuple[InputDigest, ...], found: Segmented, total_seconds: float) -> CaseRecord:
    result, made = found.result, found.result.provenance
    return CaseRecord(
        key=job.key(inputs),
        inputs=inputs,
        recipe_sha256=job.recipe.sha256,
        model=made.model,
        model_sha256=made.weights_hash,
        versions=dict(made.versions),
        device=made.device,
        threads=made.threads,
        seconds=round(made.seconds, 4),
        total_seconds=round(total_seconds, 4),
        warnings=tuple(without_names(warning, job.case) for warning in result.warnings),
        structures=tuple(_measured(structure, found.values[structure.label]) for structure in result.structures),
        outputs={},
    )


def _measured(structure: Structure, value: int) -> StructureRecord:
    voxels = int(np.count_nonzero(structure.mask.array))
    quality = None if structure.quality is None else round(float(structure.quality), 4)
    return StructureRecord(structure.label, value, voxels, round(volume_ml(structure), 4), quality)
