"""The results of a case as files: written out of sight, then given their names one after the other, the record last.

A case with a record is whole. Whatever ends the program in between leaves no record, and nothing that looks like a
result of another recipe: old files go before new ones come.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..disk import move_into_place, to_disk
from ..errors import InvalidManifest, InvalidRequest, NoRoom
from ..models.store.hashing import hash_file
from ..nifti import is_complete
from .case_record import FAILURE, RECORD, CaseRecord, record_text
from .drafts import draft_folder
from .manifest import Case

HIDDEN = ".cohort"
STAGING = "staging"
ENDINGS = {"seg.nrrd": ".seg.nrrd", "nii.gz": "_labels.nii.gz", "dcm": ".seg.dcm"}
"""What is added to the name of a case, by format."""

PICTURE = ".png"
SPARE_BYTES = 1 << 20
LEAST_FREE = 1 << 16
"""A disk that cannot take that is full where something could not be written [bytes]."""

FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class CaseFiles:
    """Where the results of a case lie.

    Parameters
    ----------
    folder
        The output folder of the cohort.
    case
        The case.
    """

    folder: Path
    case: Case

    @property
    def record(self) -> Path:
        """The provenance."""
        return self._ending(RECORD)

    @property
    def failure(self) -> Path:
        """Why there are no results."""
        return self._ending(FAILURE)

    @property
    def picture(self) -> Path:
        """The small picture."""
        return self._ending(PICTURE)

    def result(self, format: str) -> Path:
        """Return the file of a format out of `ENDINGS`."""
        return self._ending(ENDINGS[format])

    def all_results(self) -> list[Path]:
        """Return every file that a case can have, the record first."""
        return [self.record, *map(self.result, ENDINGS), self.picture]

    def check_place(self) -> None:
        """Raise `InvalidManifest` if a link leads out of the output folder."""
        if not self.record.parent.resolve().is_relative_to(self.folder.resolve()):
            message = f"The place of '{self.case.name}' is linked to one outside the output folder."
            raise InvalidManifest(message, "Remove the link, or choose another output folder.")

    def are_whole(self, record: CaseRecord, *, verify: bool = False) -> bool:
        """Tell whether every file that a record names is there; with `verify`, also whether it is unchanged."""
        files = {self._ending(ending): sha256 for ending, sha256 in record.outputs.items()}
        if not all(file.is_file() and file.stat().st_size > 0 for file in files):
            return False
        return not verify or all(hash_file(file) == sha256 for file, sha256 in files.items())

    def remove(self) -> None:
        """Remove all results and the failure."""
        for file in (*self.all_results(), self.failure):
            file.unlink(missing_ok=True)

    @contextmanager
    def staged(self, needed_bytes: int) -> Iterator[Path]:
        """Give the path of a draft without its ending; a full disk is `NoRoom`, and no draft is left behind.

        Parameters
        ----------
        needed_bytes
            What may be written, before it is compressed.
        """
        staging = self.folder / HIDDEN / STAGING
        with writing_to(self.folder):
            staging.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(staging).free < needed_bytes + SPARE_BYTES:
                raise OSError(FULL[0], "the disk is full")
            with draft_folder(staging) as folder, writing_to(self.folder):
                yield folder / "draft"

    def publish(self, draft: Path, record: CaseRecord) -> CaseRecord:
        """Give the files of a draft their names, and return the record with their hashes."""
        self.check_place()
        self.record.parent.mkdir(parents=True, exist_ok=True)
        files = {file.name.removeprefix(draft.name): file for file in sorted(draft.parent.iterdir())}
        record = replace(record, outputs={ending: hash_file(file) for ending, file in files.items()})
        text = draft.with_name("record")
        text.write_text(record_text(record), encoding="utf-8")
        for file in files.values():
            to_disk(file)
        self.remove()
        for ending, file in files.items():
            file.replace(self._ending(ending))
        move_into_place(text, self.record)
        return record

    def _ending(self, ending: str) -> Path:
        path = self.folder / self.case.output
        return path.with_name(path.name + ending)


def check_written(files: Sequence[Path]) -> None:
    """Raise `NoRoom` for a file that is empty or shorter than its header says, as some libraries leave it."""
    for file in files:
        if file.stat().st_size == 0 or (file.name.endswith(".nii.gz") and not is_complete(file)):
            raise OSError(FULL[0], "the disk is full")


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Make a full disk `NoRoom`, whatever a library makes of it, and any other trouble `InvalidRequest`."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise _no_room(folder) from error
        message = f"Results cannot be written into '{folder}' ({error.strerror or error})."
        raise InvalidRequest(message, "Choose another folder.") from error
    except InvalidRequest as error:
        cause = error.__cause__
        is_full = isinstance(cause, OSError) and cause.errno in FULL
        # image libraries do not say why they cannot write
        if is_full or (isinstance(cause, RuntimeError) and not _has_room(folder)):
            raise _no_room(folder) from error
        raise


def _has_room(folder: Path) -> bool:
    """Tell whether a small file can be written, which also sees quotas."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(LEAST_FREE))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError:
        return False
    return True


def _no_room(folder: Path) -> NoRoom:
    message = f"The disk of '{folder}' is full."
    return NoRoom(message)
