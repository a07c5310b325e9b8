"""A finished evaluation as a value, and what its cases are grouped by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..work import CaseRecord, Quantity

ALL_LABELS = "all"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All that is known after an evaluation.

    Parameters
    ----------
    protocol
        Name of the protocol.
    seed
        Of the protocol and of the intervals.
    settings
        What else the values depend on, by name, in words.
    environment
        Where and with what it ran, by name, in words.
    quantities
        What was measured; the first one stands for the others.
    records
        Every case of every method, failures included.
    """

    protocol: str
    seed: int
    settings: Mapping[str, Any]
    environment: Mapping[str, str]
    quantities: tuple[Quantity, ...]
    records: tuple[CaseRecord, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, in the order of the records."""
        return tuple(dict.fromkeys(record.method for record in self.records))

    @property
    def shown(self) -> tuple[Quantity, ...]:
        """What tables have a column for."""
        return tuple(quantity for quantity in self.quantities if quantity.shown and quantity.clicks is None)

    def of_method(self, method: str) -> tuple[CaseRecord, ...]:
        """Return the records of one method."""
        return tuple(record for record in self.records if record.method == method)

    def is_failure(self, record: CaseRecord) -> bool:
        """Tell whether there was no answer, or one that misses the structure altogether."""
        missed = any(
            quantity.failure_value is not None and record.values.get(quantity.name) == quantity.failure_value
            for quantity in self.quantities
            if quantity.clicks is None
        )
        return bool(record.failure) or missed


def by_label(records: Iterable[CaseRecord]) -> dict[str, list[CaseRecord]]:
    """Return the records of each label, and all of them as well where there is more than one label.

    Labels of several data sets are told apart by the name of the set.
    """
    records = list(records)
    several = len({record.item.dataset for record in records}) > 1
    groups: dict[str, list[CaseRecord]] = {}
    for record in records:
        item = record.item
        groups.setdefault(f"{item.dataset}: {item.label}" if several else item.label, []).append(record)
    return groups if len(groups) < 2 else groups | {ALL_LABELS: records}


def by_condition(records: Iterable[CaseRecord]) -> dict[str, list[CaseRecord]]:
    """Return the records of each condition, in the order of the records; most protocols have one condition only, ""."""
    groups: dict[str, list[CaseRecord]] = {}
    for record in records:
        groups.setdefault(record.item.condition, []).append(record)
    return groups


def subjects_of(records: Iterable[CaseRecord]) -> list[tuple[str, str]]:
    """Return for each record whose it is."""
    return [(record.item.dataset, record.item.subject) for record in records]
