"""Two files or two folders to compare, as a job."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..engine.run import Run
from ..errors import InvalidRequest
from ..geometry import VolumeGeometry
from ..label_files import ENDINGS, file_stem
from .file_comparison import FileComparison, FilePair
from .job import Job
from .report.files import Mask
from .work import CaseRecord


def job_of_files(
    pairs: Sequence[FilePair],
    dataset: str,
    name: str,
    *,
    wanted: Mapping[str, int | None],
    tolerance: float = 2.0,
    resample: bool = False,
    seed: int = 0,
) -> Job:
    """Return the comparison of files with references.

    Parameters
    ----------
    pairs
        The files, case by case.
    dataset, name
        What tables call the references and the predictions.
    wanted
        Names of the structures, with their values in label maps; empty takes all that the files hold.
    tolerance
        How far a surface may be off for NSD [mm, or pixels].
    resample
        Whether predictions on other grids are resampled onto the reference's.
    seed
        Of the intervals.

    Raises
    ------
    GeometryMismatch
        A prediction lies on another grid than its reference; the message names it.
    InvalidImage
        A reference cannot be read.
    """
    if not tolerance > 0:
        message = f"The tolerance is {tolerance:g}."
        raise InvalidRequest(message, "Choose a tolerance above 0.")
    protocol = FileComparison(dataset, pairs, wanted, tolerance, resample)
    protocol.check_grids()
    settings = {
        "Labels": ", ".join(wanted) or "all that the files hold",
        "Tolerance": tolerance,
        "Predictions on other grids": "resampled" if resample else "refused",
        "Files": _digest([file for pair in pairs for file in (pair.prediction, pair.reference)]),
    }

    def masks_of(record: CaseRecord, run: Run) -> tuple[Mask, Mask, VolumeGeometry]:
        run.check()
        return protocol.masks(record)

    return Job([protocol], {name: protocol.read_prediction}, settings, masks_of, seed, timed=False)


def pairs_in(predictions: Path, references: Path) -> tuple[list[FilePair], list[Path]]:
    """Return a pair for every reference of a folder, and the predictions that have none.

    Names are matched without their endings: `case_1.seg.nrrd` belongs to `case_1.nii.gz`.

    Raises
    ------
    InvalidRequest
        A folder does not exist or holds no labels, or two files in it have one name.
    """
    predicted, wanted = _by_name(predictions), _by_name(references)
    if not set(predicted) & set(wanted):
        message = f"No file in '{predictions}' has the name of a file in '{references}'."
        raise InvalidRequest(message, "Name every prediction like its reference.")
    pairs = [FilePair(name, predicted.get(name), file) for name, file in wanted.items()]
    return pairs, [file for name, file in predicted.items() if name not in wanted]


def _by_name(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        message = f"There is no folder '{folder}'."
        raise InvalidRequest(message, "Choose an existing folder.")
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or not file.name.lower().endswith(ENDINGS):
            continue
        name = file_stem(file)
        if name in found:
            message = f"'{found[name].name}' and '{file.name}' in '{folder}' have one name."
            raise InvalidRequest(message, "Keep one file of each name.")
        found[name] = file
    if not found:
        message = f"The folder '{folder}' holds no label maps or segmentations."
        raise InvalidRequest(message, f"It should hold files that end in {', '.join(ENDINGS[:4])}.")
    return found


def _digest(files: Sequence[Path | None]) -> str:
    """Return a short text that changes with the files."""
    facts = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file and file.is_file()]
    return hashlib.blake2b(repr(facts).encode(), digest_size=6).hexdigest()
