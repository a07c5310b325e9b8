"""Strict reading of JSON objects: every complaint names the field it is about."""

from __future__ import annotations

import math
from typing import Any, NoReturn

from ..errors import InvalidCatalogue


class Fields:
    """The fields of one JSON object, each of which must be read once.

    Parameters
    ----------
    values
        The parsed object.
    where
        The file and the path of the object in it, for messages.

    Raises
    ------
    InvalidCatalogue
        From every method: a field is missing, unknown or of the wrong kind.
    """

    def __init__(self, values: Any, where: str) -> None:
        self._where = where
        if not isinstance(values, dict):
            self.refuse("", "must be an object")
        self._values: dict[str, Any] = dict(values)

    def text(self, name: str, *, allow_empty: bool = False) -> str:
        """Return a string."""
        value = self._take(name)
        if not isinstance(value, str) or not (value.strip() or allow_empty):
            self.refuse(name, "must be text")
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return a string out of `allowed`."""
        value = self._take(name)
        if value not in allowed:
            self.refuse(name, f"must be one of {', '.join(allowed)}")
        return str(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false; the field may be absent."""
        value = self._values.pop(name, default)
        if not isinstance(value, bool):
            self.refuse(name, "must be true or false")
        return value

    def positive_integer(self, name: str) -> int:
        """Return a whole number above zero."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            self.refuse(name, "must be a whole number above zero")
        return value

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """Return a list of `count` finite numbers."""
        values = self._take(name)
        if not isinstance(values, list) or len(values) != count or not all(_is_finite(value) for value in values):
            self.refuse(name, f"must be a list of {count} numbers")
        return tuple(float(value) for value in values)

    def subset(self, name: str, allowed: frozenset[Any]) -> frozenset[Any]:
        """Return a list of different values out of `allowed`, at least one, as a set."""
        values = self._take(name)
        known = isinstance(values, list) and values and all(_is_among(value, allowed) for value in values)
        if not known or len(set(values)) != len(values):
            self.refuse(name, f"must list some of {', '.join(str(value) for value in sorted(allowed))}")
        return frozenset(values)

    def part(self, name: str) -> Fields | None:
        """Return the fields of a nested object, or None where the field is null."""
        value = self._take(name)
        return None if value is None else Fields(value, f"{self._where}.{name}")

    def finish(self) -> None:
        """Refuse fields that nothing has read."""
        if self._values:
            self.refuse(sorted(self._values)[0], "is not known")

    def refuse(self, name: str, complaint: str) -> NoReturn:
        """Raise `InvalidCatalogue` about the field `name` ("" for the object itself)."""
        path = f"{self._where}.{name}" if name else self._where
        message = f"In the model catalogue, {path} {complaint}."
        raise InvalidCatalogue(message)

    def _take(self, name: str) -> Any:
        if name not in self._values:
            self.refuse(name, "is missing")
        return self._values.pop(name)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_among(value: Any, allowed: frozenset[Any]) -> bool:
    return any(value == known and type(value) is type(known) for known in allowed)
