"""Read the pickle in which torch describes tensors, without torch and without running anything that it names.

The names in a pickle are functions that a careless reader calls. Here each of the few that plain checkpoints need
stands for a harmless function of this file, and any other ends the reading.
"""

from __future__ import annotations

import pickle
import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from .stored_tensors import (
    ITEM_BYTES,
    HarmfulCheckpoint,
    MalformedCheckpoint,
    StoredTensor,
    count,
    extent,
    whole_numbers,
)

_TYPE_OF_STORAGE = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "UntypedStorage": "uint8",
}
_WRITES_TO_MEMO = ("PUT", "BINPUT", "LONG_BINPUT")


@dataclass(frozen=True)
class Storage:
    """A row of numbers that tensors are cut from.

    Parameters
    ----------
    key
        Its name in the file.
    dtype
        Type of its numbers, under the names of torch.
    size
        How many numbers it has.
    """

    key: str
    dtype: str
    size: int

    @property
    def size_bytes(self) -> int:
        """Its size [bytes]."""
        return self.size * ITEM_BYTES[self.dtype]


@dataclass(frozen=True)
class DescribedTensor:
    """A tensor as the pickle describes it: a part of a storage, counted in numbers of its own type."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str

    def placed(self, storage_start: int) -> StoredTensor:
        """Return where the tensor lies, given where its storage begins in the file [bytes].

        Raises
        ------
        MalformedCheckpoint
            It reaches beyond its storage, or has more numbers than it.
        """
        item = ITEM_BYTES[self.dtype]
        reached = (self.offset + extent(self.shape, self.strides)) * item
        if reached > self.storage.size_bytes or count(self.shape) * item > self.storage.size_bytes:
            message = "has a tensor that is larger than what is stored of it"
            raise HarmfulCheckpoint(message)
        return StoredTensor(self.dtype, self.shape, self.strides, storage_start + self.offset * item)


def read_pickle(stream: IO[bytes]) -> tuple[Any, dict[str, Storage]]:
    """Return the next object of a stream, tensors as `DescribedTensor`, and every storage by its key.

    Raises
    ------
    HarmfulCheckpoint
        It needs more than tensors, numbers, text and collections of them.
    MalformedCheckpoint
        It is not a pickle.
    """
    _refuse_memory_bombs(stream)
    reader = _TensorReader(stream)
    try:
        content = reader.load()
    except MalformedCheckpoint:
        raise
    except Exception as error:  # bytes of unknown origin can fail in any way, also by asking for too much memory
        message = "is cut off or is not a checkpoint"
        raise MalformedCheckpoint(message) from error
    return content, reader.storages


def _refuse_memory_bombs(stream: IO[bytes]) -> None:
    """Look through the pickle once: its reader reserves as much memory as the highest number it is told to remember."""
    start = stream.tell()
    steps = 0
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            steps += 1
            if opcode.name in _WRITES_TO_MEMO and int(argument or 0) > steps:
                message = "asks for more memory than its content needs"
                raise HarmfulCheckpoint(message)
    except (ValueError, TypeError, OverflowError) as error:
        message = "is cut off or is not a checkpoint"
        raise MalformedCheckpoint(message) from error
    stream.seek(start)


class _TensorReader(pickle.Unpickler):
    """A reader that knows the names in `_calls` only."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream, encoding="utf-8")
        self.storages: dict[str, Storage] = {}
        self._calls: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("collections", "Counter"): Counter,
            ("builtins", "set"): set,
            ("_codecs", "encode"): _latin_bytes,
            ("torch", "Size"): tuple,
            ("torch", "device"): _device_name,
            ("torch._utils", "_rebuild_tensor"): _tensor,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_tensor_v3"): _tensor_of_type,
            ("torch._utils", "_rebuild_parameter"): _data_of_parameter,
            ("torch._utils", "_rebuild_parameter_with_state"): _data_of_parameter,
        }

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name; the base class would import it."""
        module = "builtins" if module == "__builtin__" else module  # as older versions of Python call it
        if module in ("torch", "torch.storage", "torch.cuda") and name in _TYPE_OF_STORAGE:
            return _TYPE_OF_STORAGE[name]
        if module == "torch" and name in ITEM_BYTES:
            return name
        if (module, name) not in self._calls:
            message = f"holds more than tensors: {module}.{name}"
            raise HarmfulCheckpoint(message)
        return self._calls[module, name]

    def persistent_load(self, saved: Any) -> Storage:
        """Return the storage that torch describes as ("storage", type, key, device, size, view)."""
        kind, dtype, key, _, size, *view = saved
        if kind != "storage" or dtype not in ITEM_BYTES or type(key) is not str or any(view):
            message = "holds something that is neither a tensor nor a part of one"
            raise MalformedCheckpoint(message)
        (size,) = whole_numbers((size,), "size")
        storage = Storage(key, dtype, size)
        if self.storages.setdefault(key, storage).size_bytes != storage.size_bytes:
            message = "describes one part of the file in two ways"
            raise MalformedCheckpoint(message)
        return storage


def _tensor(storage: Storage, offset: int, shape: Any, strides: Any, *_: Any) -> DescribedTensor:
    return _described(storage, offset, shape, strides, storage.dtype)


def _tensor_of_type(
    storage: Storage, offset: int, shape: Any, strides: Any, _gradient: Any, _hooks: Any, dtype: str, *_: Any
) -> DescribedTensor:
    return _described(storage, offset, shape, strides, dtype)


def _described(storage: Storage, offset: int, shape: Any, strides: Any, dtype: str) -> DescribedTensor:
    shape, strides = whole_numbers(shape, "shape"), whole_numbers(strides, "layout")
    (offset,) = whole_numbers((offset,), "place")
    if not isinstance(storage, Storage) or len(shape) != len(strides) or dtype not in ITEM_BYTES:
        message = "has a tensor without numbers or without a layout"
        raise MalformedCheckpoint(message)
    return DescribedTensor(storage, offset, shape, strides, dtype)


def _data_of_parameter(data: Any, *_: Any) -> Any:
    return data


def _device_name(*description: Any) -> str:
    return ":".join(str(part)[:8] for part in description[:2])


def _latin_bytes(text: str, encoding: str) -> bytes:
    if encoding != "latin1":  # other encodings unpack archives
        message = f"holds more than tensors: text encoded as {encoding}"
        raise HarmfulCheckpoint(message)
    return text.encode("latin1")
