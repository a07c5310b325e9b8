"""One process at a time changes a checkpoint.

`filelock` asks the operating system for the lock, which lets go of it when its process ends, however that happens: a
killed download leaves nothing that has to be cleaned up. PyTorch brings the package along.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import PackageMissing, WeightsBusy
from .layout import Layout
from .troubles import writing_to

PATIENCE = 0.5
"""How long another process is waited for, which is enough for one that only looks [s]."""


@contextmanager
def held(place: Layout) -> Iterator[None]:
    """Hold the lock of a checkpoint.

    Raises
    ------
    WeightsBusy
        Another process holds it.
    WeightsUnwritable
        The weights folder cannot be written.
    PackageMissing
        The package `filelock` is not installed.
    """
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        message = "To keep model files, the Python package filelock is needed."
        raise PackageMissing(message) from error
    lock = FileLock(str(place.lock))
    with writing_to(place.file):
        place.lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout as error:
            message = f"Another program is busy with the model file {place.filename}."
            raise WeightsBusy(message) from error
    try:
        yield
    finally:
        lock.release()
