"""Drafts of results, out of sight, each with a lock that says whether its writer still lives.

The operating system lets go of a lock when its process ends, however that happens.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = ".lock"


@contextmanager
def draft_folder(staging: Path) -> Iterator[Path]:
    """Give a new folder below `staging`, which is there already; it is removed at the end of the block.

    Raises
    ------
    OSError
        It cannot be made.
    """
    from filelock import FileLock

    folder = staging / uuid.uuid4().hex
    file = folder.with_suffix(LOCK)
    try:
        with FileLock(str(file), timeout=0):  # before there is a folder, so that none is without a lock
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def remove_abandoned(staging: Path) -> None:
    """Remove the drafts of writers that have ended without doing so; those of living ones stay."""
    from filelock import FileLock, Timeout

    with suppress(OSError):  # whatever cannot be removed now is removed by the next run
        drafts = {path.with_suffix("") for path in staging.iterdir()}  # a lock and its folder differ by their ending
        for folder in drafts:
            file = folder.with_suffix(LOCK)
            with suppress(Timeout):
                with FileLock(str(file), timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
                file.unlink(missing_ok=True)
