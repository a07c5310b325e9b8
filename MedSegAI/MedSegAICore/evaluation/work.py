"""What a protocol asks of a method, case by case, and what is recorded of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ..engine.run import Run

Method = TypeVar("Method", bound=Callable[..., Any], contravariant=True)
"""What a protocol can judge: a function, whose calls are what is timed."""


@dataclass(frozen=True)
class Quantity:
    """A number that a protocol measures.

    Parameters
    ----------
    name
        Name in files and in code.
    title
        Name over the column of a table.
    unit
        Unit of the value, "" if it has none.
    higher_is_better
        Which way is better; None if the best value is 0 and both sides of it are worse.
    reference
        The implementation or definition that the value agrees with.
    clicks
        Of a value on the way: after how many clicks; None for all others. Tables show the others only. The curve of
        `dice` consists of `dice_0`, `dice_1` and so on.
    failure_value
        Value that means that the structure was missed altogether: such a case counts as a failure. None if none does.
    shown
        Whether tables have a column for it; files have it in any case.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool | None
    reference: str
    clicks: int | None = None
    failure_value: float | None = None
    shown: bool = True


@dataclass(frozen=True, order=True)
class WorkItem:
    """One question of a protocol.

    Parameters
    ----------
    dataset, subject, label
        Which structure of which person.
    variant
        What else tells the questions about it apart: the slice, the draw.
    condition
        Under which condition it is asked, such as the number of supports; tables keep conditions apart.
    """

    dataset: str
    subject: str
    label: str
    variant: str = ""
    condition: str = ""


@dataclass(frozen=True)
class CaseRecord:
    """What one method made of one item.

    Parameters
    ----------
    item
        The question.
    method
        Name of the method.
    values
        Value of every metric of the protocol, by name; of a failed case, those of `failed_values`.
    seconds
        Time that the calls of the method took together [s].
    peak_memory_mb
        Highest memory use of the process during those calls [MB]; what is measured depends on the system, see
        `peak_memory`.
    failure
        Why there is no answer, in words; empty if there is one.
    """

    item: WorkItem
    method: str
    values: Mapping[str, float]
    seconds: float
    peak_memory_mb: float
    failure: str = ""


class EvaluationProtocol(Protocol[Method]):
    """A way to put questions to a method and to judge the answers."""

    @property
    def name(self) -> str:
        """Return the name that stands over the table."""
        ...

    def quantities(self) -> Sequence[Quantity]:
        """Return what is measured, in the order of the table's columns; the first one stands for the others."""
        ...

    def items(self) -> Sequence[WorkItem]:
        """Return all questions, in an order that does not depend on anything but the protocol."""
        ...

    def evaluate(self, item: WorkItem, method: Method, run: Run) -> Mapping[str, float]:
        """Put one question and return the value of every quantity by its name.

        What is raised once the method was called counts as its failure; what is raised before, such as an image that
        cannot be read, ends the evaluation. `Cancelled` always does.
        """
        ...

    def failed_values(self, item: WorkItem) -> Mapping[str, float]:
        """Return the values of a method that gave no answer, so that failures stay in the means."""
        ...
