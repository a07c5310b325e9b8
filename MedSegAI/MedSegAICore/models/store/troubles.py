"""What the disk refuses, as errors with names."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import WeightsInUse, WeightsUnwritable

RESERVE_BYTES = 64 << 20
"""What a download or a copy leaves free on the disk."""

_USED_BY_ANOTHER = (5, 32, 33, 1224)
"""What Windows answers about a file that a program has open or mapped into its memory."""


@contextmanager
def writing_to(file: Path) -> Iterator[None]:
    """Turn what the operating system refuses about a file into `WeightsUnwritable`, or into `WeightsInUse`."""
    try:
        yield
    except OSError as error:
        if getattr(error, "winerror", None) in _USED_BY_ANOTHER:
            message = f"A program is using the file {file.name}, or it is write protected."
            raise WeightsInUse(message) from error
        reason = "The disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        message = f"The file {file.name} cannot be changed in {file.parent}: {reason}."
        raise WeightsUnwritable(message) from error


def check_room(folder: Path, needed_bytes: int) -> None:
    """Let a copy or a download pass for which the disk has room.

    Raises
    ------
    WeightsUnwritable
        It has not; the message says how much is missing.
    """
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if needed_bytes + RESERVE_BYTES > free:
        message = f"The disk of {folder} is too full: {megabytes(needed_bytes)} are needed, {megabytes(free)} are free."
        raise WeightsUnwritable(message)


def megabytes(count: int) -> str:
    """Return a size in words: 375.0 MB."""
    return f"{count / 1_000_000:.1f} MB"
