"""The format safetensors: a header in JSON, and behind it the numbers of every tensor."""

from __future__ import annotations

import json
from typing import IO, Any

from .stored_tensors import (
    HEADER_LIMIT,
    ITEM_BYTES,
    HarmfulCheckpoint,
    MalformedCheckpoint,
    StoredTensor,
    count,
    row_major,
    whole_numbers,
)

_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "C64": "complex64",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
_METADATA = "__metadata__"


def is_safetensors(start: bytes) -> bool:
    """Tell from the first bytes of a file whether it means to be of this format."""
    return start[8:9] == b"{"


def read_safetensors(file: IO[bytes], file_bytes: int) -> dict[str, StoredTensor]:
    """Return the tensors by name.

    Raises
    ------
    HarmfulCheckpoint
        The header is larger than that of any model.
    MalformedCheckpoint
        The file is cut off, or its header does not describe exactly what lies behind it.
    """
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > HEADER_LIMIT:
        message = "says that it begins with a header of an unreasonable size"
        raise HarmfulCheckpoint(message)
    header = json.loads(file.read(length), object_pairs_hook=_without_repetition)
    header.pop(_METADATA, None)
    begin = 8 + length
    tensors = {name: _stored(fields, begin) for name, fields in header.items()}
    end = begin
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.span)):
        if tensor.start != end:
            message = "has tensors that overlap or leave gaps"
            raise MalformedCheckpoint(message)
        end += tensor.span * ITEM_BYTES[tensor.dtype]
    if end != file_bytes:
        message = "is cut off or damaged"
        raise MalformedCheckpoint(message)
    return tensors


def _stored(fields: Any, begin: int) -> StoredTensor:
    dtype = _TYPES.get(fields["dtype"])
    if dtype is None:
        message = f"has numbers of an unknown type ({str(fields['dtype'])[:20]})"
        raise MalformedCheckpoint(message)
    shape = whole_numbers(fields["shape"], "shape")
    first, last = whole_numbers(fields["data_offsets"], "place")
    if last - first != count(shape) * ITEM_BYTES[dtype]:
        message = "has a tensor whose size is not that of its shape"
        raise MalformedCheckpoint(message)
    return StoredTensor(dtype, shape, row_major(shape), begin + first)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        message = "names a tensor twice"
        raise MalformedCheckpoint(message)
    return fields
