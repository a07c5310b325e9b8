"""Look through a file of torch before torch opens it: nothing that does more than describe tensors gets so far.

torch itself runs nothing that a checkpoint names, if it is asked so. It still obeys some names that fill the memory,
unpacks archives that are larger than they look, and follows tuples within tuples until its process ends.
"""

from __future__ import annotations

import io
import os
import pickletools
import tarfile
import zipfile
from collections import deque
from collections.abc import Iterable
from typing import IO, Any

ARCHIVE_START = b"PK\x03\x04"

_HEADER_LIMIT = 16 << 20
"""Most bytes that may describe the tensors of a checkpoint; those of SAM ViT-H take 0.1 MB."""

_OLD_START = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
_OLD_PICKLES = 5
"""In the old format lie the number that marks it, its version, the computer, the content, and what follows it."""

_LARGEST_TUPLE = 2000
"""The generator of random numbers, whose state some training scripts keep, has a tuple of 625."""

_MARK = 0
_PLAIN = {
    "collections": {"OrderedDict", "Counter"},
    "builtins": {"set"},
    "torch": {"Size", "device"},
    "torch._utils": {
        "_rebuild_tensor",
        "_rebuild_tensor_v2",
        "_rebuild_tensor_v3",
        "_rebuild_parameter",
        "_rebuild_parameter_with_state",
    },
}


class MalformedCheckpoint(Exception):
    """A file is not what its format says; the text completes the sentence "The checkpoint ..."."""


class HarmfulCheckpoint(MalformedCheckpoint):
    """A file asks for more than tensors: for code, for places outside of it, or for more memory than it has."""


def refuse_harmful_archive(file: IO[bytes]) -> int:
    """Return how many bytes of tensors an archive of torch holds.

    Raises
    ------
    HarmfulCheckpoint
        It holds a program, compressed parts, or names that lead out of it; or it says that it is larger than it is.
    MalformedCheckpoint
        It is not an archive of tensors.
    Exception
        Anything else: it is no archive.
    """
    with zipfile.ZipFile(_CarefulFile(file)) as archive:
        records = archive.infolist()
        _refuse_harmful_records(records, os.fstat(file.fileno()).st_size)
        # torch looks for names without regard to capitals
        pickles = [record for record in records if record.filename.lower().split("/")[1:] == ["data.pkl"]]
        if len(pickles) != 1 or pickles[0].file_size > _HEADER_LIMIT:
            message = "is an archive, but not one of tensors"
            raise MalformedCheckpoint(message)
        _refuse_foreign_names(io.BytesIO(archive.read(pickles[0])))
    return sum(record.file_size for record in records if record.filename.split("/")[1:2] == ["data"])


def refuse_harmful_pickles(file: IO[bytes]) -> int:
    """Return how many bytes of tensors a file in the format of torch before version 1.6 can hold at most.

    Raises
    ------
    HarmfulCheckpoint
        It needs more than tensors, numbers, text and collections of them.
    MalformedCheckpoint
        It is cut off, or of another format.
    """
    file.seek(0)
    stream = io.BytesIO(file.read(_HEADER_LIMIT))
    for _ in range(_OLD_PICKLES):
        _refuse_foreign_names(stream)
        if not stream.getvalue().startswith(_OLD_START):
            message = "is a pickle, but holds no tensors of torch"
            raise MalformedCheckpoint(message)
    file.seek(0)
    if tarfile.is_tarfile(file):
        message = "is an archive (tar), which torch would unpack"
        raise HarmfulCheckpoint(message)
    return os.fstat(file.fileno()).st_size


class _CarefulFile:
    """A file that refuses to be read in very large pieces: the table of contents of an archive is one piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(_HEADER_LIMIT + 1 if size < 0 else min(size, _HEADER_LIMIT + 1))
        if len(data) > _HEADER_LIMIT:
            message = "has a table of contents of an unreasonable size"
            raise HarmfulCheckpoint(message)
        return data

    def seekable(self) -> bool:
        return True


def _refuse_harmful_records(records: Iterable[zipfile.ZipInfo], file_bytes: int) -> None:
    names = [record.orig_filename for record in records]
    for name in names:
        if name.startswith("/") or "\\" in name or ":" in name or "\0" in name or ".." in name.split("/"):
            message = f"has a part whose name leads out of it: {name[:80]!r}"
            raise HarmfulCheckpoint(message)
    if any(name.lower().endswith("/constants.pkl") for name in names):
        message = "holds more than tensors: a TorchScript program"
        raise HarmfulCheckpoint(message)
    if sum(record.file_size for record in records) > file_bytes:
        message = "says that it unpacks to more than it holds"
        raise HarmfulCheckpoint(message)
    if any(record.compress_type != zipfile.ZIP_STORED or record.flag_bits & 1 for record in records):
        message = "has compressed or encrypted parts, which torch does not write"
        raise HarmfulCheckpoint(message)
    if len({name.lower() for name in names}) != len(names):
        message = "has two parts of the same name"
        raise HarmfulCheckpoint(message)


def _refuse_foreign_names(stream: IO[bytes]) -> None:
    """Go through the next pickle of a stream without running it; whatever it would call must be a plain name."""
    texts: deque[str] = deque(maxlen=2)
    tuples = _Tuples()
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            tuples.follow(opcode, argument)
            if opcode.name in ("GLOBAL", "INST"):
                module, _, name = str(argument).partition(" ")
                _refuse_foreign(module, name)
            elif opcode.name == "STACK_GLOBAL":  # names that are put together while it runs; torch does not write any
                _refuse_foreign(".".join(texts), "")
            elif isinstance(argument, str):
                texts.append(argument)
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        message = "is cut off or is not a checkpoint"
        raise MalformedCheckpoint(message) from error


class _Tuples:
    """The sizes of what lies on the stack of a pickle: of a tuple all that is within it, of anything else 1.

    Python goes through all of a tuple where it is the name of something: too deep ends the process, and one that holds
    another many times, which holds another many times, takes forever.
    """

    def __init__(self) -> None:
        self._stack: list[int] = []
        self._remembered: dict[Any, int] = {}

    def follow(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        if "PUT" in opcode.name:
            self._remembered[argument] = self._stack[-1]
            return
        taken = self._taken(opcode)
        size = 1
        if "TUPLE" in opcode.name:
            size += sum(taken)
        elif "GET" in opcode.name:
            size = self._remembered.get(argument, 1)
        if size > _LARGEST_TUPLE:
            message = "describes larger things than tensors by tuples within tuples"
            raise HarmfulCheckpoint(message)
        self._stack += [_MARK if item is pickletools.markobject else size for item in opcode.stack_after]

    def _taken(self, opcode: pickletools.OpcodeInfo) -> list[int]:
        taken = []
        if pickletools.markobject in opcode.stack_before:
            while (size := self._stack.pop()) != _MARK:
                taken.append(size)
        for item in opcode.stack_before:
            if item not in (pickletools.markobject, pickletools.stackslice):
                taken.append(self._stack.pop())
        return taken


def _refuse_foreign(module: str, name: str) -> None:
    import torch

    module = "builtins" if module == "__builtin__" else module  # as older versions of Python call it
    is_type = module == "torch" and isinstance(vars(torch).get(name), torch.dtype)
    # storages without a type of numbers can be called, and then fill the memory
    is_storage = module in ("torch", "torch.cuda") and name.endswith("Storage") and not name.startswith(("Un", "Typed"))
    if not (is_type or is_storage or name in _PLAIN.get(module, ())):
        message = f"holds more than tensors: {f'{module}.{name}'.strip('.')}"
        raise HarmfulCheckpoint(message)
