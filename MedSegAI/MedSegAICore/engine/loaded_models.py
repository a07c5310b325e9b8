"""The models that are ready to run, as many as there is memory for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

from .free_memory import free_bytes

SHARE = 0.5
"""Part of the memory that is free before the first model is loaded on a device, which models may fill."""

_DEEPEST_NETWORK = 4

Files = tuple[tuple[str | int, ...], ...]
"""The state of each file of a model."""


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model that is ready.

    Parameters
    ----------
    model
        What its `entry` has built.
    device
        Where its network lies.
    size_bytes
        Memory that its weights take there [bytes].
    files
        What its files were when it was loaded; see `file_state`.
    """

    model: Any
    device: str
    size_bytes: int
    files: Files


class LoadedModels:
    """Keeps the models that were used last, as long as their weights fit into a share of each device's memory.

    The model that was asked for last stays, also if it does not fit by itself.

    Parameters
    ----------
    free
        Returns the free memory of a device [bytes]; asked once for each device, before its first model is loaded.
    """

    def __init__(self, free: Callable[[str], int] = free_bytes) -> None:
        self._free = free
        self._budgets: dict[str, int] = {}
        self._models: OrderedDict[str, LoadedModel] = OrderedDict()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models, the last used one last."""
        return tuple(self._models)

    def get(self, name: str, files: Files = ()) -> Any:
        """Return a model and mark it as used, or None if it is not there or its files have been replaced since."""
        if name not in self._models:
            return None
        if self._models[name].files != files:
            self.drop(name)
            return None
        self._models.move_to_end(name)
        return self._models[name].model

    def warnings(self, name: str) -> tuple[str, ...]:
        """Return what the user should know of how a model was loaded, in words."""
        kept = self._models.get(name)
        return () if kept is None else tuple(getattr(kept.model, "warnings", ()))

    def make_room(self, device: str, size_bytes: int) -> None:
        """Drop models of a device that were unused for longest until as many bytes fit, before they are loaded."""
        if device not in self._budgets:
            self._budgets[device] = int(SHARE * self._free(device))
        self._shrink(device, self._budgets[device] - size_bytes, "")

    def keep(self, name: str, model: Any, device: str, files: Files = ()) -> None:
        """Keep a model that was loaded; others make room if it is larger than its files were."""
        self._models[name] = LoadedModel(model, device, weight_bytes(model), files)
        if device in self._budgets:
            self._shrink(device, self._budgets[device], name)

    def drop(self, name: str) -> None:
        """Forget a model, if it is there."""
        self._models.pop(name, None)

    def drop_others(self, name: str, device: str) -> bool:
        """Forget every model of a device that takes memory, except one; tell whether there was any."""
        others = [other for other, kept in self._on(device) if other != name and kept.size_bytes]
        for other in others:
            self.drop(other)
        return bool(others)

    def clear(self) -> None:
        """Forget all models."""
        self._models.clear()

    def _on(self, device: str) -> list[tuple[str, LoadedModel]]:
        return [(name, kept) for name, kept in self._models.items() if kept.device == device]

    def _shrink(self, device: str, limit_bytes: int, spared: str) -> None:
        held = sum(kept.size_bytes for _, kept in self._on(device))
        for name, kept in self._on(device):
            if held <= limit_bytes:
                return
            if kept.size_bytes and name != spared:
                self.drop(name)
                held -= kept.size_bytes


def file_state(file: Path) -> tuple[str | int, ...]:
    """Return what changes when a file is replaced or written to."""
    try:
        status = file.stat()
    except OSError:
        return (str(file),)
    return str(file), status.st_ino, status.st_size, status.st_mtime_ns


def weight_bytes(model: Any) -> int:
    """Return the memory that the networks within a model take [bytes]; weights that they share count once."""
    sizes: dict[int, int] = {}
    for network in _networks(model, _DEEPEST_NETWORK):
        for tensor in chain(network.parameters(), network.buffers()):
            sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
    return sum(sizes.values())


def _networks(part: Any, depth: int) -> Iterator[Any]:
    """Yield the networks of torch that an object holds, without importing torch."""
    if isinstance(part, type | ModuleType):
        return
    if callable(getattr(part, "parameters", None)) and callable(getattr(part, "buffers", None)):
        yield part
    elif depth:
        for value in getattr(part, "__dict__", {}).values():
            yield from _networks(value, depth - 1)
