"""What a checkpoint holds: its tensors by name, whatever format and wrapping a training script has left them in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from .recognition import Shapes
from .safetensors_file import is_safetensors, read_safetensors
from .stored_tensors import MalformedCheckpoint, StoredTensor
from .tensor_pickle import DescribedTensor
from .torch_file import ARCHIVE_START, read_archive, read_old_file

_WRAPPERS = ("model_state_dict", "state_dict", "model_state", "model", "net")
_PREFIXES = ("module.", "_orig_mod.", "sam.", "model.")
_DEEPEST_WRAPPING = 4
_WEB_PAGE = "is a web page, such as a server sends instead of a file"
_WORDS_FOR_OTHER_FILES = {
    b"<!doctype": _WEB_PAGE,
    b"<html": _WEB_PAGE,
    b"version https://git-lfs": "is only a note where the checkpoint lies (Git LFS)",
}


@dataclass(frozen=True)
class CheckpointTable:
    """What a checkpoint holds, without its numbers.

    Parameters
    ----------
    tensors
        Where each tensor lies, by its name without what training scripts put around and before it.
    parts
        Names of everything beside the tensors or around them.
    """

    tensors: dict[str, StoredTensor]
    parts: frozenset[str]

    @property
    def shapes(self) -> Shapes:
        """The shape of each tensor by name."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}


def table_of(file: IO[bytes]) -> CheckpointTable:
    """Return what an open file holds.

    Raises
    ------
    MalformedCheckpoint, HarmfulCheckpoint
        It is no checkpoint, or one that asks for more than tensors.
    Exception
        Anything else: it is no checkpoint either.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    start = file.read(64)
    if is_safetensors(start):
        return _named(read_safetensors(file, size), frozenset())
    for beginning, words in _WORDS_FOR_OTHER_FILES.items():
        if start.lower().startswith(beginning):
            raise MalformedCheckpoint(words)
    read = read_archive if start.startswith(ARCHIVE_START) else read_old_file
    content, starts = read(file, size)
    described, parts = _unwrapped(content)
    placed = {name: tensor.placed(starts[tensor.storage.key]) for name, tensor in described.items()}
    return _named(placed, parts)


def _unwrapped(content: Any) -> tuple[dict[str, DescribedTensor], frozenset[str]]:
    """Return the table of tensors within what a training script has saved, and the names around it."""
    parts: set[str] = set()
    for _ in range(_DEEPEST_WRAPPING):
        if not isinstance(content, Mapping):
            break
        parts.update(str(name) for name, value in content.items() if not isinstance(value, DescribedTensor))
        inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            tensors = {str(name): value for name, value in content.items() if isinstance(value, DescribedTensor)}
            if tensors:
                return tensors, frozenset(parts)
            break
        content = inner
    message = "holds no table of tensors"
    raise MalformedCheckpoint(message)


def _named(tensors: dict[str, StoredTensor], parts: frozenset[str]) -> CheckpointTable:
    """Return a table without the prefixes that all names share."""
    if not tensors:
        message = "holds no table of tensors"
        raise MalformedCheckpoint(message)
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            return _named({name[len(prefix) :]: tensor for name, tensor in tensors.items()}, parts)
    return CheckpointTable(tensors, parts)
