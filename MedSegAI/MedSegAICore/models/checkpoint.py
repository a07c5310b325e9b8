"""Read checkpoints without running what is in them, and fit them to a network or say why not.

Tensors are not copied: they are mapped from the file, so that a network of 2.5 GB takes 2.5 GB once, and pages that
nobody has looked at take nothing. A file that is mapped may be replaced by renaming another one onto it, which is what
MedSegAI does; the network then goes on with the old one. It must not be shortened in place, which ends every process
that has mapped it, nor overwritten in place.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..engine.cache import ByteBoundedCache
from ..engine.memory import is_out_of_memory
from ..errors import WeightsCorrupt, WeightsMismatch, WeightsMissing, WeightsUnsafe
from .checkpoint_table import CheckpointTable, table_of
from .recognition import describe_checkpoint
from .stored_tensors import ITEM_BYTES, HarmfulCheckpoint, MalformedCheckpoint, StoredTensor

if TYPE_CHECKING:
    import torch

StateDict = dict[str, "torch.Tensor"]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint that was opened once.

    Parameters
    ----------
    tensors
        On the processor, mapped from the file.
    sha256
        Hash of the very file that they are mapped from, in hexadecimal digits.
    mapped
        The file in memory.
    """

    tensors: StateDict
    sha256: str
    mapped: mmap.mmap

    def release_pages(self) -> None:
        """Take no memory for what was read so far; it is read from the disk again when it is needed.

        What was written to the tensors would be lost, so this is for loading only.
        """
        if hasattr(mmap, "MADV_DONTNEED"):  # Windows does this by itself, when it is short of memory
            self.mapped.madvise(mmap.MADV_DONTNEED)


def file_sha256(path: Path, cache: ByteBoundedCache) -> str:
    """Return the sha256 of a file in hexadecimal digits; `cache` remembers it until the file changes."""
    digits = cache.get(_hash_key(path, path.stat()))
    if digits is not None:
        return str(digits)
    with path.open("rb") as file:
        return _sha256(file, path, cache)


def look_into(path: Path, hashes: ByteBoundedCache) -> tuple[CheckpointTable, str]:
    """Return what a checkpoint holds, and the sha256 of the same file; torch is not needed.

    Parameters
    ----------
    path
        The file; raises as `read_checkpoint`.
    hashes
        Remembers the hash until the file changes.
    """
    with _opened(path) as file:
        return _table(file, path.name), _sha256(file, path, hashes)


def read_checkpoint(path: Path) -> StateDict:
    """Return the tensors of a checkpoint by name, on the processor.

    Wrappers of training scripts (`state_dict`, `model`, ...) and prefixes that all names share
    (`module.`, ...) are taken off.

    Raises
    ------
    WeightsMissing
        There is no such file.
    WeightsCorrupt
        The file is cut off, is no checkpoint, or holds no tensors.
    WeightsUnsafe
        The file holds Python objects other than tensors, or asks for more memory than it has. Nothing of it was run.
    """
    with _opened(path) as file:
        return _tensors(_table(file, path.name), file, path.name)[0]


def open_checkpoint(path: Path, hashes: ByteBoundedCache) -> Checkpoint:
    """Return the tensors of a checkpoint and the hash of the same file, also if it is replaced in between.

    Parameters
    ----------
    path
        The file; raises as `read_checkpoint`, and `WeightsCorrupt` if it is written to meanwhile.
    hashes
        Remembers the hash until the file changes.
    """
    with _opened(path) as file:
        before = _last_write(file)
        sha256 = _sha256(file, path, hashes)
        tensors, mapped = _tensors(_table(file, path.name), file, path.name)
        if _last_write(file) != before:
            message = f"The checkpoint {path.name} was changed while it was read."
            raise WeightsCorrupt(message, "Wait until nothing writes to it, then try again.")
    return Checkpoint(tensors, sha256, mapped)


def fit_checkpoint(network: torch.nn.Module, state: StateDict, model: str) -> None:
    """Give `network` the tensors of a checkpoint, as float32 and without copying where they already are.

    Whole numbers, which batch norm counts with, stay whole numbers.

    Raises
    ------
    WeightsMismatch
        The checkpoint is of another network; the message says what differs and what it seems to be.
    """
    check_fit(network, state, model)
    fitting = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    network.load_state_dict(fitting, assign=True)


def check_fit(network: torch.nn.Module, state: StateDict, model: str) -> None:
    """Raise `WeightsMismatch` unless the tensors have the names, shapes and kinds of number of a network."""
    if differences := _differences(network.state_dict(), state):
        seems = describe_checkpoint({name: tuple(tensor.shape) for name, tensor in state.items()})
        message = f"The checkpoint is not for '{model}': {differences}. It seems to be {seems}."
        raise WeightsMismatch(message)


def _opened(path: Path) -> IO[bytes]:
    if not path.is_file():
        message = f"There is no checkpoint file {path}."
        raise WeightsMissing(message)
    try:
        return path.open("rb")
    except OSError as error:
        message = f"The checkpoint {path.name} cannot be opened: {error.strerror or error}."
        raise WeightsCorrupt(message, "Check who may read the file.") from error


def _last_write(file: IO[bytes]) -> tuple[int, int]:
    """Return what changes when an open file is written to, but not when its name is given to another one."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _hash_key(path: Path, status: os.stat_result) -> tuple[str | int, ...]:
    """Return what changes when a file is replaced or written to; no program can set the last number back."""
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return ("sha256", str(path.resolve()), *identity)


def _sha256(file: IO[bytes], path: Path, cache: ByteBoundedCache) -> str:
    key = _hash_key(path, os.fstat(file.fileno()))
    digits = cache.get(key)
    if digits is None:
        digest = hashlib.sha256()
        file.seek(0)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
        digits = digest.hexdigest()
        cache.put(key, digits, len(digits))
    return str(digits)


def _table(file: IO[bytes], name: str) -> CheckpointTable:
    """Return what an open file holds; whatever goes wrong is an error with a name."""
    try:
        return table_of(file)
    except HarmfulCheckpoint as error:
        message = f"The checkpoint {name} {error}. It was not opened."
        raise WeightsUnsafe(message) from error
    except MalformedCheckpoint as error:
        message = f"The checkpoint {name} {error}."
        raise WeightsCorrupt(message) from error
    except Exception as error:
        # bytes of unknown origin can fail in any way; no table of a checkpoint is so large that memory could be full
        message = f"The checkpoint {name} is cut off or is not a checkpoint."
        raise WeightsCorrupt(message) from error


def _tensors(table: CheckpointTable, file: IO[bytes], name: str) -> tuple[StateDict, mmap.mmap]:
    """Return the tensors that a table places in an open file, and the file in memory; writing does not change it."""
    try:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return {key: _tensor(stored, mapped, file) for key, stored in table.tensors.items()}, mapped
    except Exception as error:
        if is_out_of_memory(error):
            raise
        message = f"The checkpoint {name} cannot be mapped into memory ({error})."
        raise WeightsCorrupt(message) from error


def _tensor(stored: StoredTensor, mapped: mmap.mmap, file: IO[bytes]) -> torch.Tensor:
    import torch

    dtype = getattr(torch, stored.dtype)
    if stored.span == 0:
        return torch.empty(stored.shape, dtype=dtype)
    size = stored.span * ITEM_BYTES[stored.dtype]
    if stored.start % ITEM_BYTES[stored.dtype]:
        # torch wants numbers at multiples of their size, which older formats do not care for
        copy = bytearray(size)
        file.seek(stored.start)
        file.readinto(copy)  # type: ignore[attr-defined]
        numbers = torch.frombuffer(copy, dtype=dtype)
    else:
        numbers = torch.frombuffer(mapped, dtype=dtype, count=stored.span, offset=stored.start)
    # a view would remember what it was cut from, and keep the file mapped when its own numbers were exchanged
    return numbers.as_strided(stored.shape, stored.strides).data


def _differences(wanted: StateDict, found: StateDict) -> str:
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    both = [name for name in wanted if name in found]
    resized = [name for name in both if wanted[name].shape != found[name].shape]
    retyped = [name for name in both if wanted[name].is_floating_point() != found[name].is_floating_point()]
    parts = (
        (f"it lacks {len(missing)} of {len(wanted)} tensors", missing),
        (f"{len(unexpected)} of its tensors do not belong to the network", unexpected),
        (f"{len(resized)} tensors have another size", resized),
        (f"{len(retyped)} tensors have numbers of another type", retyped),
    )
    return "; ".join(f"{words} ({_some(names)})" for words, names in parts if names)


def _some(names: Iterable[str], limit: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
