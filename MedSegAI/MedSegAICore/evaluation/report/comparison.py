"""Whether one method is better than another, or than an earlier run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InvalidRequest
from ..statistics import PairedDifference, paired_difference
from ..work import CaseRecord, Quantity
from .evaluation import Evaluation, by_condition, by_label, subjects_of


@dataclass(frozen=True)
class Compared:
    """Two methods on the cases of one label and condition that both have.

    Parameters
    ----------
    first, second
        Names of the two.
    condition, label
        Which cases.
    quantity
        Name of what is compared.
    paired
        First minus second.
    unpaired
        Cases that only one of them has; they are left out.
    """

    first: str
    second: str
    condition: str
    label: str
    quantity: str
    paired: PairedDifference
    unpaired: int


def compare_methods(evaluation: Evaluation) -> tuple[Compared, ...]:
    """Compare every method with the first one."""
    reference, *others = evaluation.methods
    rows: list[Compared] = []
    for other in others:
        names = (other, reference)
        records = (evaluation.of_method(other), evaluation.of_method(reference))
        rows += _compared(names, records, evaluation.shown, evaluation.seed)
    return tuple(rows)


def compare_with_earlier(evaluation: Evaluation, earlier: Evaluation) -> tuple[Compared, ...]:
    """Compare every method with itself in an earlier run; two lone methods are compared whatever they are called.

    Raises
    ------
    InvalidRequest
        The two have no method, no quantity or no case in common.
    """
    pairs = [(method, method) for method in evaluation.methods if method in earlier.methods]
    if not pairs and len(evaluation.methods) == len(earlier.methods) == 1:
        pairs = [(evaluation.methods[0], earlier.methods[0])]
    known = {quantity.name for quantity in earlier.shown}
    quantities = [quantity for quantity in evaluation.shown if quantity.name in known]
    rows: list[Compared] = []
    for now, before in pairs:
        records = (evaluation.of_method(now), earlier.of_method(before))
        rows += _compared((now, f"{before} (earlier)"), records, quantities, evaluation.seed)
    if not rows:
        message = "The earlier results share no method, no metric or no case with these."
        raise InvalidRequest(message, "Choose results of the same data.")
    return tuple(rows)


def _compared(
    names: tuple[str, str],
    records: tuple[Sequence[CaseRecord], Sequence[CaseRecord]],
    quantities: Sequence[Quantity],
    seed: int,
) -> list[Compared]:
    second_of = {record.item: record for record in records[1]}
    rows = []
    groups = (
        (condition, label, of_label)
        for condition, asked in by_condition(records[0]).items()
        for label, of_label in by_label(asked).items()
    )
    for condition, label, of_label in groups:
        both = [record for record in of_label if record.item in second_of]
        if not both:
            continue
        questions = set(map(_question, of_label))
        there = sum(_question(record) in questions for record in records[1])
        unpaired = len(of_label) + there - 2 * len(both)
        for quantity in quantities:
            first = [record.values[quantity.name] for record in both]
            second = [second_of[record.item].values[quantity.name] for record in both]
            paired = paired_difference(first, second, subjects_of(both), quantity.higher_is_better, seed)
            rows.append(Compared(*names, condition, label, quantity.name, paired, unpaired))
    return rows


def _question(record: CaseRecord) -> tuple[str, str, str]:
    """Return what a record is about, whoever it is."""
    return record.item.dataset, record.item.label, record.item.condition
