"""Strict reading of JSON objects: every complaint names the field it is about."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import numpy as np

from .errors import InvalidRequest, MedSegAIError
from .geometry import Float64

Value = TypeVar("Value")
Option = TypeVar("Option", bound=str)


class Fields:
    """The fields of one JSON object, each of which must be read once.

    Parameters
    ----------
    values
        The parsed object.
    where
        Path of the object, for messages.
    error
        The named error that every method raises when a field is missing, unknown or of the wrong kind.
    """

    def __init__(self, values: Any, where: str, error: type[MedSegAIError] = InvalidRequest) -> None:
        self._where = where
        self._error = error
        if not isinstance(values, dict):
            self.refuse("", "must be an object")
        self._values: dict[str, Any] = dict(values)

    def text(self, name: str, *, allow_empty: bool = False) -> str:
        """Return a string."""
        value = self._take(name)
        if not isinstance(value, str) or not (value or allow_empty):
            self.refuse(name, "must be text")
        return value

    def choice(self, name: str, allowed: Sequence[Option]) -> Option:
        """Return a string out of `allowed`."""
        value = self._take(name)
        if not isinstance(value, str) or value not in allowed:
            self.refuse(name, f"must be one of {', '.join(allowed)}")
        return allowed[allowed.index(value)]

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self._take(name)
        if not isinstance(value, bool):
            self.refuse(name, "must be true or false")
        return value

    def number(self, name: str) -> float:
        """Return a finite number."""
        value = self._take(name)
        if not _is_finite(value):
            self.refuse(name, "must be a finite number")
        return float(value)

    def whole_number(self, name: str) -> int:
        """Return a whole number that is not negative."""
        value = self._take(name)
        if not _is_whole(value):
            self.refuse(name, "must be a whole number of 0 or more")
        return int(value)

    def whole_numbers(self, name: str) -> tuple[int, int, int]:
        """Return three whole numbers that are not negative."""
        values = self._take(name)
        if not isinstance(values, list) or len(values) != 3 or not all(_is_whole(value) for value in values):
            self.refuse(name, "must be a list of three whole numbers of 0 or more")
        k, j, i = values
        return k, j, i

    def numbers(self, name: str, *shape: int) -> Float64:
        """Return an array of finite numbers; a length of -1 in `shape` stands for any length above zero."""
        values = self._take(name)
        if not _has_shape(values, shape):
            sizes = " x ".join("n" if length < 0 else str(length) for length in shape)
            self.refuse(name, f"must be a list of {sizes} finite numbers")
        return np.array(values, dtype=np.float64)

    def texts(self, name: str) -> dict[str, str]:
        """Return an object whose values are all strings."""
        value = self._take(name)
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            self.refuse(name, "must be an object of texts")
        return dict(value)

    def list_of_texts(self, name: str) -> list[str]:
        """Return a list of strings, each there once."""
        values = self._take(name)
        if not isinstance(values, list) or not all(isinstance(text, str) and text for text in values):
            self.refuse(name, "must be a list of texts")
        if len(set(values)) < len(values):
            self.refuse(name, "must not name anything twice")
        return list(values)

    def value(self, name: str) -> Any:
        """Return whatever the field holds."""
        return self._take(name)

    def part(self, name: str) -> Fields:
        """Return the fields of a nested object."""
        return Fields(self._take(name), f"{self._where}.{name}", self._error)

    def parts(self, name: str) -> list[Fields]:
        """Return the fields of each object of a list."""
        values = self._take(name)
        if not isinstance(values, list):
            self.refuse(name, "must be a list")
        return [Fields(value, f"{self._where}.{name}[{index}]", self._error) for index, value in enumerate(values)]

    def optional(self, name: str, read: Callable[[str], Value]) -> Value | None:
        """Return None where the field is null, otherwise what the method `read` makes of it."""
        if name in self._values and self._values[name] is None:
            del self._values[name]
            return None
        return read(name)

    def has(self, name: str) -> bool:
        """Tell whether there is a field of that name that has not been read."""
        return name in self._values

    @property
    def is_empty(self) -> bool:
        """Whether there is no field that has not been read."""
        return not self._values

    def finish(self) -> None:
        """Refuse fields that nothing has read."""
        if self._values:
            self.refuse(sorted(map(str, self._values))[0], "is not known")

    def refuse(self, name: str, complaint: str) -> NoReturn:
        """Raise the named error about the field `name` ("" for the object itself)."""
        path = f"{self._where}.{name}" if name else self._where
        message = f"The field {path} {complaint}."
        raise self._error(message)

    def _take(self, name: str) -> Any:
        if name not in self._values:
            self.refuse(name, "is missing")
        return self._values.pop(name)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_finite(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _has_shape(values: Any, shape: tuple[int, ...]) -> bool:
    if not shape:
        return _is_finite(values)
    if not isinstance(values, list) or not values or (shape[0] >= 0 and len(values) != shape[0]):
        return False
    return all(_has_shape(value, shape[1:]) for value in values)
