"""What the store has of a checkpoint, found without reading the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ..weights_spec import WeightsSpec
from .layout import Layout
from .record import FileRecord, read_record, signature_of


class FileState(Enum):
    """How much is known about a checkpoint."""

    MISSING = "missing"
    PARTIAL = "partly downloaded"
    UNVERIFIED = "not verified"
    VERIFIED = "verified"
    CHANGED = "changed since it was verified"


@dataclass(frozen=True)
class StoredFile:
    """What the store has of a checkpoint.

    Parameters
    ----------
    weights
        What the catalogue says about it.
    place
        Where it lies, or would lie.
    state
        How much is known about it.
    size_bytes
        What it takes on the disk, also if only a part of it is there [bytes].
    record
        What was seen of it when it came; None if that was never looked at. It outlives a file that vanishes.
    """

    weights: WeightsSpec
    place: Layout
    state: FileState
    size_bytes: int
    record: FileRecord | None

    @property
    def is_there(self) -> bool:
        """Whether there is a whole file."""
        return self.state not in (FileState.MISSING, FileState.PARTIAL)

    @property
    def is_published(self) -> bool:
        """Whether its content, as it was last seen, is what its authors publish."""
        return self.is_there and self.record is not None and self.record.sha256 == self.weights.sha256

    @property
    def known_sha256(self) -> str:
        """The hash that the file must have: the authors' or else the first that was seen; "" if there is neither."""
        if self.weights.has_known_hash:
            return self.weights.sha256
        return "" if self.record is None else self.record.sha256


def look_at(weights: WeightsSpec, folders: Sequence[Path]) -> StoredFile:
    """Return what is there of a checkpoint, in the first folder that has it."""
    places = [Layout(folder, weights.filename) for folder in folders]
    for place in places:
        if place.file.is_file():
            record = read_record(place)
            return StoredFile(weights, place, _state(place, record), place.file.stat().st_size, record)
    for place in places:
        if place.part.is_file() and (size := place.part.stat().st_size):
            return StoredFile(weights, place, FileState.PARTIAL, size, read_record(place))
    return StoredFile(weights, places[0], FileState.MISSING, 0, read_record(places[0]))


def _state(place: Layout, record: FileRecord | None) -> FileState:
    if record is None:
        return FileState.UNVERIFIED
    return FileState.VERIFIED if record.signature == signature_of(place.file) else FileState.CHANGED
