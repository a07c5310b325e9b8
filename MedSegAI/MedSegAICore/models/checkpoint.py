"""Read checkpoints without running what is in them, and fit them to a network or say why not.

torch and safetensors read the files. Tensors are not copied: they are mapped from the file, so that a network of
2.5 GB takes 2.5 GB once, and pages that nobody has looked at take nothing; only the format that torch wrote before
version 1.6 cannot be mapped. A file that is mapped may be replaced by renaming another one onto it, which is what
MedSegAI does; the network then goes on with the old one. It must not be shortened in place, which ends every process
that has mapped it, nor overwritten in place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.cache import ByteBoundedCache
from ..errors import WeightsCorrupt, WeightsMismatch, WeightsMissing, WeightsUnsafe
from .checkpoint_scan import HarmfulCheckpoint, MalformedCheckpoint
from .checkpoint_table import CheckpointTable, StateDict, read_table
from .recognition import describe_checkpoint

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint that was opened once.

    Parameters
    ----------
    table
        Its tensors, on the processor.
    sha256
        Hash of the very file that they are from, in hexadecimal digits.
    """

    table: CheckpointTable
    sha256: str


def file_sha256(path: Path, cache: ByteBoundedCache) -> str:
    """Return the sha256 of a file in hexadecimal digits; `cache` remembers it until the file changes."""
    key = _hash_key(path, path.stat())
    digits = cache.get(key)
    if digits is None:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            key = _hash_key(path, os.fstat(file.fileno()))
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        digits = digest.hexdigest()
        cache.put(key, digits, len(digits))
    return str(digits)


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
    return _table(path).tensors


def open_checkpoint(path: Path, hashes: ByteBoundedCache) -> Checkpoint:
    """Return the tensors of a checkpoint and the hash of the same file.

    Parameters
    ----------
    path
        The file; raises as `read_checkpoint`, and `WeightsCorrupt` if it is replaced or written to meanwhile.
    hashes
        Remembers the hash until the file changes.
    """
    _refuse_missing(path)
    try:
        before = _hash_key(path, path.stat())
        sha256 = file_sha256(path, hashes)
        table = _table(path)
        is_same = _hash_key(path, path.stat()) == before
    except OSError as error:
        raise _unreadable(path, error) from error
    if not is_same:
        message = f"The checkpoint {path.name} was changed while it was read."
        raise WeightsCorrupt(message, "Wait until nothing writes to it, then try again.")
    return Checkpoint(table, sha256)


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


def _refuse_missing(path: Path) -> None:
    if not path.is_file():
        message = f"There is no checkpoint file {path}."
        raise WeightsMissing(message)


def _unreadable(path: Path, error: OSError) -> WeightsCorrupt:
    message = f"The checkpoint {path.name} cannot be opened: {error.strerror or error}."
    return WeightsCorrupt(message, "Check who may read the file.")


def _hash_key(path: Path, status: os.stat_result) -> tuple[str | int, ...]:
    """Return what changes when a file is replaced or written to; no program can set the last number back."""
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return ("sha256", str(path.resolve()), *identity)


def _table(path: Path) -> CheckpointTable:
    """Return what a file holds; whatever goes wrong is an error with a name."""
    _refuse_missing(path)
    try:
        return read_table(path)
    except HarmfulCheckpoint as error:
        message = f"The checkpoint {path.name} {error}. It was not opened."
        raise WeightsUnsafe(message) from error
    except MalformedCheckpoint as error:
        message = f"The checkpoint {path.name} {error}."
        raise WeightsCorrupt(message) from error
    except PermissionError as error:
        raise _unreadable(path, error) from error
    except ImportError:
        raise  # torch or safetensors is not installed, which is not the file's fault
    except Exception as error:
        # bytes of unknown origin can fail in any way
        message = f"The checkpoint {path.name} is cut off or is not a checkpoint."
        raise WeightsCorrupt(message) from error


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
