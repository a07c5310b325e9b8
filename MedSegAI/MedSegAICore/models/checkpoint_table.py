"""What a checkpoint holds: its tensors by name, whatever format and wrapping a training script has left them in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.memory import is_out_of_memory
from .checkpoint_scan import (
    ARCHIVE_START,
    HarmfulCheckpoint,
    MalformedCheckpoint,
    refuse_harmful_archive,
    refuse_harmful_pickles,
)
from .recognition import Shapes

if TYPE_CHECKING:
    import torch
    from torch.types import Storage

StateDict = dict[str, "torch.Tensor"]

_WRAPPERS = ("model_state_dict", "state_dict", "model_state", "model", "net")
_PREFIXES = ("module.", "_orig_mod.", "sam.", "model.")
_DEEPEST_WRAPPING = 4
_WEB_PAGE = "is a web page, such as a server sends instead of a file"
_WORDS_FOR_OTHER_FILES = {
    b"<!doctype": _WEB_PAGE,
    b"<html": _WEB_PAGE,
    b"version https://git-lfs": "is only a note where the checkpoint lies (Git LFS)",
}


@dataclass(frozen=True, eq=False)
class CheckpointTable:
    """What a checkpoint holds.

    Parameters
    ----------
    tensors
        By their names without what training scripts put around and before them.
    parts
        Names of everything beside the tensors or around them.
    """

    tensors: StateDict
    parts: frozenset[str]

    @property
    def shapes(self) -> Shapes:
        """The shape of each tensor by name."""
        return {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}


def read_table(path: Path) -> CheckpointTable:
    """Return what a file holds, on the processor; mapped from the file, unless it is of the old format of torch.

    Raises
    ------
    MalformedCheckpoint, HarmfulCheckpoint
        It is no checkpoint, or one that asks for more than tensors, or for more memory than there is.
    Exception
        Anything else: it is no checkpoint either.
    """
    try:
        content = _content(path)
    except Exception as error:
        if is_out_of_memory(error):
            message = "asks for more memory than there is"
            raise HarmfulCheckpoint(message) from error
        raise
    tensors, parts = _unwrapped(content)
    return CheckpointTable(_without_prefixes({name: _checked(tensor) for name, tensor in tensors.items()}), parts)


def _content(path: Path) -> Any:
    """Return what the library for its format reads from a file that was looked through."""
    with path.open("rb") as file:
        start = file.read(64)
        if start[8:9] == b"{":
            return _read_safetensors(path)
        for beginning, words in _WORDS_FOR_OTHER_FILES.items():
            if start.lower().startswith(beginning):
                raise MalformedCheckpoint(words)
        is_archive = start.startswith(ARCHIVE_START)
        held = refuse_harmful_archive(file) if is_archive else refuse_harmful_pickles(file)
    import torch

    return torch.load(path, map_location=_within(held), weights_only=True, mmap=is_archive)


def _read_safetensors(path: Path) -> StateDict:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        message = f"is cut off or damaged ({error})"
        raise MalformedCheckpoint(message) from error


def _within(held: int) -> Callable[[Storage, str], Storage]:
    """Return what leaves storages on the processor, and refuses the one with which they are larger than `held` [bytes].

    What is mapped is not held against its part of the archive by torch, and could reach into the next one.
    """
    left = held

    def keep(storage: Storage, _location: str) -> Storage:
        nonlocal left
        left -= storage.nbytes()
        if left < 0:
            message = "lacks a part of its tensors"
            raise MalformedCheckpoint(message)
        return storage

    return keep


def _unwrapped(content: Any) -> tuple[StateDict, frozenset[str]]:
    """Return the table of tensors within what a training script has saved, and the names around it."""
    import torch

    parts: set[str] = set()
    for _ in range(_DEEPEST_WRAPPING):
        if not isinstance(content, Mapping):
            break
        parts.update(str(name) for name, value in content.items() if not isinstance(value, torch.Tensor))
        inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
            if tensors:
                return tensors, frozenset(parts)
            break
        content = inner
    message = "holds no table of tensors"
    raise MalformedCheckpoint(message)


def _checked(tensor: torch.Tensor) -> torch.Tensor:
    """Return the numbers of a tensor alone, where every one of them is stored."""
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        message = "has a tensor that is larger than what is stored of it"
        raise HarmfulCheckpoint(message)
    # torch computes with numbers at multiples of their size, which some formats do not care for
    is_aligned = tensor.data_ptr() % tensor.element_size() == 0
    return tensor.data if is_aligned else tensor.data.clone()


def _without_prefixes(tensors: StateDict) -> StateDict:
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            return _without_prefixes({name[len(prefix) :]: tensor for name, tensor in tensors.items()})
    return tensors
