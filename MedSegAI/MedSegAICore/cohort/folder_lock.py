"""One cohort run at a time works in a folder.

The operating system holds the lock and lets go of it when the process ends, however that happens.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import FolderBusy, InvalidRequest, PackageMissing
from .case_files import HIDDEN, STAGING
from .drafts import remove_abandoned

LOCK = "lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of an output folder, which is made if need be, and remove what others have left half done.

    At the beginning that is everything. At the end, workers elsewhere may still write what nobody waits for any more:
    only drafts whose writer has ended are removed.

    Raises
    ------
    FolderBusy
        Another run works in it.
    InvalidRequest
        The folder cannot be made.
    PackageMissing
        The package `filelock` is not installed.
    """
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        message = "To run a cohort, the Python package filelock is needed."
        raise PackageMissing(message, "Install it: pip install filelock.") from error
    hidden = folder / HIDDEN
    try:
        hidden.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(hidden / LOCK))
        lock.acquire(timeout=0)
    except Timeout as error:
        message = f"Another cohort run works in '{folder}'."
        raise FolderBusy(message) from error
    except OSError as error:
        message = f"The folder '{folder}' cannot be used ({error.strerror or error})."
        raise InvalidRequest(message, "Choose another folder.") from error
    try:
        shutil.rmtree(hidden / STAGING, ignore_errors=True)
        yield
    finally:
        remove_abandoned(hidden / STAGING)
        lock.release()
