"""The two formats that torch writes checkpoints in: an archive, and what older versions of it wrote."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from typing import IO, Any

from .stored_tensors import HEADER_LIMIT, ITEM_BYTES, HarmfulCheckpoint, MalformedCheckpoint
from .tensor_pickle import Storage, read_pickle

ARCHIVE_START = b"PK\x03\x04"

Starts = dict[str, int]
"""Where each storage begins in the file, by its key [bytes]."""

_LOCAL_HEADER_BYTES = 30
_OLD_FORMAT = 0x1950A86A20F9469CFC6C
_OLD_VERSION = 1001


def read_archive(file: IO[bytes], file_bytes: int) -> tuple[Any, Starts]:
    """Return the object in an archive of torch, tensors as `DescribedTensor`, and where their storages begin.

    Raises
    ------
    HarmfulCheckpoint
        It holds a program, compressed parts, or names that lead out of it; or it says that it is larger than it is.
    MalformedCheckpoint
        It is cut off, or not an archive of torch.
    """
    with zipfile.ZipFile(_CarefulFile(file)) as archive:
        records = archive.infolist()
        _refuse_harmful(records, file_bytes)
        pickles = [record for record in records if record.filename.split("/")[1:] == ["data.pkl"]]
        if len(pickles) != 1 or pickles[0].file_size > HEADER_LIMIT:
            message = "is an archive, but not one of tensors"
            raise MalformedCheckpoint(message)
        folder = pickles[0].filename.partition("/")[0]
        names = {record.filename: record for record in records}
        if f"{folder}/byteorder" in names and archive.read(f"{folder}/byteorder") != b"little":
            message = "was written by a computer that orders bytes in another way"
            raise MalformedCheckpoint(message)
        content, storages = read_pickle(io.BytesIO(archive.read(pickles[0])))
    starts = {
        key: _start_of(storage, names.get(f"{folder}/data/{key}"), file, file_bytes)
        for key, storage in storages.items()
    }
    return content, starts


def read_old_file(file: IO[bytes], file_bytes: int) -> tuple[Any, Starts]:
    """Return the same of a file in the format of torch before version 1.6; raises the same."""
    file.seek(0)
    stream = io.BytesIO(file.read(HEADER_LIMIT))
    start, _ = read_pickle(stream)
    if start != _OLD_FORMAT:
        message = "is a pickle, but holds no tensors of torch"
        raise MalformedCheckpoint(message)
    version, _ = read_pickle(stream)
    computer, _ = read_pickle(stream)
    if version != _OLD_VERSION or not isinstance(computer, dict) or computer.get("little_endian") is not True:
        message = "was written by an unknown version of torch, or by a computer that orders bytes in another way"
        raise MalformedCheckpoint(message)
    content, storages = read_pickle(stream)
    keys, _ = read_pickle(stream)
    return content, _starts_in_a_row(keys, storages, file, stream.tell(), file_bytes)


class _CarefulFile:
    """A file that refuses to be read in very large pieces: the table of contents of an archive is one piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(HEADER_LIMIT + 1 if size < 0 else min(size, HEADER_LIMIT + 1))
        if len(data) > HEADER_LIMIT:
            message = "has a table of contents of an unreasonable size"
            raise HarmfulCheckpoint(message)
        return data

    def seekable(self) -> bool:
        return True


def _refuse_harmful(records: Iterable[zipfile.ZipInfo], file_bytes: int) -> None:
    names = [record.orig_filename for record in records]
    for name in names:
        if name.startswith("/") or "\\" in name or ":" in name or "\0" in name or ".." in name.split("/"):
            message = f"has a part whose name leads out of it: {name[:80]!r}"
            raise HarmfulCheckpoint(message)
    if any(name.endswith("/constants.pkl") for name in names):
        message = "holds more than tensors: a TorchScript program"
        raise HarmfulCheckpoint(message)
    if sum(record.file_size for record in records) > file_bytes:
        message = "says that it unpacks to more than it holds"
        raise HarmfulCheckpoint(message)
    if any(record.compress_type != zipfile.ZIP_STORED or record.flag_bits & 1 for record in records):
        message = "has compressed or encrypted parts, which torch does not write"
        raise HarmfulCheckpoint(message)
    if len(set(names)) != len(names):
        message = "has two parts of the same name"
        raise HarmfulCheckpoint(message)


def _start_of(storage: Storage, record: zipfile.ZipInfo | None, file: IO[bytes], file_bytes: int) -> int:
    """Return where the bytes of a record begin, behind a header that repeats its name and is padded."""
    if record is None or record.file_size < storage.size_bytes:
        message = "lacks a part of its tensors"
        raise MalformedCheckpoint(message)
    file.seek(record.header_offset)
    header = file.read(_LOCAL_HEADER_BYTES)
    start = record.header_offset + len(header)
    start += int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    if not header.startswith(ARCHIVE_START) or start + storage.size_bytes > file_bytes:
        message = "is cut off or damaged"
        raise MalformedCheckpoint(message)
    return start


def _starts_in_a_row(keys: Any, storages: dict[str, Storage], file: IO[bytes], start: int, file_bytes: int) -> Starts:
    """Return where storages begin that lie one behind the other, each after its size in 8 bytes."""
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(storages):
        message = "lacks a part of its tensors"
        raise MalformedCheckpoint(message)
    starts = {}
    for key in keys:
        storage = storages[key]
        file.seek(start)
        size = int.from_bytes(file.read(8), "little")
        starts[key] = start + 8
        start += 8 + size * ITEM_BYTES[storage.dtype]
        if size != storage.size or start > file_bytes:
            message = "is cut off or damaged"
            raise MalformedCheckpoint(message)
    return starts
