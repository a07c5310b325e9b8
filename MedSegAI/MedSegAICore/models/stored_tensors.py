"""Where in a file the tensors of a checkpoint lie, held against the file before any of them is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HEADER_LIMIT = 16 << 20
"""Most bytes that may describe the tensors of a checkpoint; those of SAM ViT-H take 0.1 MB."""

ITEM_BYTES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "complex128": 16,
    "complex64": 8,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint64": 8,
    "uint32": 4,
    "uint16": 2,
    "uint8": 1,
    "bool": 1,
}
"""Size of one number by its type, under the names of torch [bytes]."""

_MOST_AXES = 64


class MalformedCheckpoint(Exception):
    """A file is not what its format says; the text completes the sentence "The checkpoint ..."."""


class HarmfulCheckpoint(MalformedCheckpoint):
    """A file asks for more than tensors: for code, for places outside of it, or for more memory than it has."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that was not read yet.

    Parameters
    ----------
    dtype
        Type of its numbers, under the names of torch.
    shape, strides
        Its sides, and how many numbers lie from one index to the next along each.
    start
        Where its first number lies in the file [bytes].
    """

    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    start: int

    @property
    def span(self) -> int:
        """How many numbers of the file it reaches over."""
        return extent(self.shape, self.strides)


def extent(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """Return how many numbers lie between the first and the last one of a tensor, both included."""
    if 0 in shape:
        return 0
    return 1 + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))


def count(shape: tuple[int, ...]) -> int:
    """Return how many numbers a tensor has."""
    numbers = 1
    for side in shape:
        numbers *= side
    return numbers


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of a tensor whose last axis lies together."""
    return tuple(count(shape[axis + 1 :]) for axis in range(len(shape)))


def whole_numbers(values: Any, what: str) -> tuple[int, ...]:
    """Return `values` as a tuple if they are a short sequence of whole numbers that are not negative."""
    is_short = isinstance(values, list | tuple) and len(values) <= _MOST_AXES
    if not is_short or not all(type(value) is int and value >= 0 for value in values):
        message = f"has a tensor whose {what} is not a row of whole numbers"
        raise MalformedCheckpoint(message)
    return tuple(values)
