"""The checkpoint that a model is built from: a file that was swapped since it was verified is refused."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ...engine.run import Run
from ..catalogue import ModelSpec
from ..weights import find_weights
from .hashing import hash_file
from .record import new_record, write_record
from .store import WeightsStore, altered, weights_of
from .stored_file import FileState


def trusted_weights(spec: ModelSpec) -> Path:
    """Return the checkpoint of a model, as `find_weights` does, unless it has changed since it was verified.

    It is read only if the disk says that something about it has changed. A file that was put there by hand and never
    verified is taken as it is.

    Raises
    ------
    WeightsMissing
        There is none.
    WeightsAltered
        Its content is another than it was.
    """
    file = find_weights(spec)
    stored = WeightsStore().look_at(weights_of(spec))
    if stored.record is None or stored.state is not FileState.CHANGED:
        return file
    sha256 = hash_file(file, Run())
    if sha256 not in (stored.record.sha256, stored.weights.sha256):
        raise altered(stored, sha256)
    with contextlib.suppress(OSError):  # a folder that cannot be written costs time, not the model
        write_record(stored.place, new_record(file, sha256, "found in the folder", stored.record))
    return file
