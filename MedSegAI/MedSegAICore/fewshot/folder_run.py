"""What was learned from examples, applied to many images: one row each, failures named, and the same again goes on.

The folder receives `NAME_labels.nii.gz`, `NAME.seg.nrrd` and `NAME.recipe.json` of every image, and `results.csv`. The
label map is written last, so an image with a label map is done.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..command_line import write_text
from ..engine.engine import Engine
from ..engine.run import Run
from ..errors import (
    Cancelled,
    InvalidRequest,
    MedSegAIError,
    SettingsDiffer,
    error_from_message,
    error_to_message,
)
from ..images import read_image
from ..label_files import file_stem, is_image
from ..recipe import Recipe
from ..request import FewShotTask, SegmentationRequest
from ..result import SegmentationResult
from ..segment_look import SegmentLook
from .result_files import expected_dice, volume_ml, write_label_map, write_segments
from .support_set import LABEL_SUFFIXES

RESULTS = "results.csv"
SEGMENTED, KEPT, FAILED = "segmented", "kept", "failed"


@dataclass(frozen=True)
class Row:
    """What became of one image.

    Parameters
    ----------
    image
        Its name without the ending.
    status
        `segmented`, `kept` from an earlier run, or `failed`.
    dice, ml
        Expected Dice [0, 1] and volume [ml] of every structure, as texts; empty if not known.
    seconds
        Time it took [s], as text.
    note
        Warnings, or why it failed.
    """

    image: str
    status: str
    dice: Mapping[str, str] = field(default_factory=dict)
    ml: Mapping[str, str] = field(default_factory=dict)
    seconds: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class FolderRun:
    """How a folder is filled.

    Parameters
    ----------
    engine
        What segments.
    task
        The support model, with its hash, and the settings.
    values
        Value of every structure in label maps.
    folder
        Receives the results.
    overwrite
        Whether images that are done are done again.
    looks
        How structures look in segmentations, as far as the examples told.
    """

    engine: Engine
    task: FewShotTask
    values: Mapping[str, int]
    folder: Path
    overwrite: bool = False
    looks: Mapping[str, SegmentLook] = field(default_factory=dict)

    def files_of(self, name: str) -> tuple[Path, Path, Path]:
        """Return label map, segmentation and recipe of an image."""
        return (
            self.folder / f"{name}_labels.nii.gz",
            self.folder / f"{name}.seg.nrrd",
            self.folder / f"{name}.recipe.json",
        )


def images_in(folder: Path) -> tuple[Path, ...]:
    """Return the images of a folder that are no labels, to judge by their names.

    Raises
    ------
    InvalidRequest
        There is no such folder, or no image in it.
    """
    if not folder.is_dir():
        message = f"There is no folder '{folder}'."
        raise InvalidRequest(message, "Choose an existing folder.")
    files = sorted(file for file in folder.iterdir() if is_image(file) and not file.name.startswith("."))
    found = tuple(file for file in files if not file_stem(file).endswith(LABEL_SUFFIXES))
    if not found:
        message = f"The folder '{folder}' holds no image."
        raise InvalidRequest(message, "Put images such as .nii.gz or .nrrd files into it; convert DICOM first.")
    return found


def segment_images(job: FolderRun, images: Sequence[Path], run: Run) -> list[Row]:
    """Segment images one after the other; the table on disk always shows what is done.

    Returns
    -------
    rows
        One for every image, in their order. A failure is a row, not an error.

    Raises
    ------
    InvalidRequest
        Two images have one name, or the table cannot be written.
    Cancelled
        The run was stopped; the same again goes on.
    """
    names = [file_stem(image) for image in images]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        message = f"Two images are called '{twice}'."
        raise InvalidRequest(message, "Give every image a name of its own: their results lie in one folder.")
    _make_folder(job.folder)
    earlier = _earlier_rows(job)
    rows: list[Row] = []
    for number, (name, image) in enumerate(zip(names, images, strict=True)):
        part = run.part(number / len(images), (number + 1) / len(images))
        part.step(0.0, f"{name} ({number + 1} of {len(images)})")
        rows.append(_row(job, name, image, earlier, part))
        write_text(job.folder / RESULTS, _table(rows, tuple(job.values)))
    return rows


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"The folder '{folder}' cannot be made ({error.strerror})."
        raise InvalidRequest(message, "Choose another folder.") from error


def _row(job: FolderRun, name: str, image: Path, earlier: Mapping[str, Row], run: Run) -> Row:
    try:
        if not job.overwrite and _is_done(job, name):
            return replace(earlier.get(name, Row(name, KEPT)), status=KEPT)
        return _segmented(job, name, image, run)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001  the next image may well go
        return Row(name, FAILED, note=str(error_from_message(error_to_message(error))))


def _is_done(job: FolderRun, name: str) -> bool:
    """Tell whether an image has its label map; raise `SettingsDiffer` if that was made in another way."""
    labels, _, recipe = job.files_of(name)
    if not labels.is_file():
        return False
    try:
        task = Recipe.from_json(recipe.read_text(encoding="utf-8")).task
    except (OSError, ValueError, MedSegAIError):
        task = None
    same = isinstance(task, FewShotTask) and (task.sha256, task.threshold, task.clean_up) == (
        job.task.sha256,
        job.task.threshold,
        job.task.clean_up,
    )
    if not same:
        message = f"'{labels.name}' is there already, made with another support model or other settings."
        raise SettingsDiffer(message, "Choose another folder, or replace it with --overwrite.")
    return True


def _segmented(job: FolderRun, name: str, image: Path, run: Run) -> Row:
    def progress(fraction: float, message: str) -> None:
        run.progress(fraction, f"{name}: {message}" if message else "")

    result = job.engine.segment(SegmentationRequest(read_image(image), job.task), progress, run.cancel)
    run.check()
    labels, segments, recipe = job.files_of(name)
    _remove(labels)  # or a run that is stopped here leaves an older one beside the new recipe
    write_segments(segments, result, job.looks)
    write_text(recipe, Recipe.from_result(result).to_json())
    write_label_map(labels, result, job.values)
    return _row_of(name, result)


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        message = f"'{file.name}' cannot be replaced ({error.strerror})."
        raise InvalidRequest(message, "Close the programs that use it, or choose another folder.") from error


def _row_of(name: str, result: SegmentationResult) -> Row:
    return Row(
        name,
        SEGMENTED,
        {label: f"{dice:.3f}" for label, dice in expected_dice(result).items()},
        {part.label: f"{volume_ml(part):.5g}" for part in result.structures},
        f"{result.provenance.seconds:.2f}",
        " ".join(result.warnings),
    )


def _table(rows: Sequence[Row], labels: Sequence[str]) -> str:
    """Return rows as comma-separated text."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    columns = [f"{label} {what}" for label in labels for what in ("expected Dice", "ml")]
    table.writerow(["image", "status", *columns, "seconds", "note"])
    for row in rows:
        cells = [cells.get(label, "") for label in labels for cells in (row.dice, row.ml)]
        table.writerow([row.image, row.status, *cells, row.seconds, row.note])
    return text.getvalue()


def _earlier_rows(job: FolderRun) -> dict[str, Row]:
    """Return the rows of an earlier run by image; nothing if they cannot be read: they only carry numbers along."""
    try:
        with (job.folder / RESULTS).open(encoding="utf-8", newline="") as file:
            table = list(csv.DictReader(file))
        return {
            line["image"]: Row(
                line["image"],
                line["status"],
                {label: line[f"{label} expected Dice"] for label in job.values},
                {label: line[f"{label} ml"] for label in job.values},
                line["seconds"],
                line["note"],
            )
            for line in table
            if line["status"] != FAILED
        }
    except (OSError, KeyError, ValueError, csv.Error):
        return {}
