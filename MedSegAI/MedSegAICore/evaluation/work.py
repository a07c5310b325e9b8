"""What a protocol asks of a method, case by case, and what is recorded of the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..engine.run import Run

Method = TypeVar("Method", contravariant=True)
"""What a protocol can judge: for the interactive one, a function from prompts to a mask."""


@dataclass(frozen=True, order=True)
class WorkItem:
    """One question of a protocol.

    Parameters
    ----------
    dataset, subject, label
        Which structure of which person.
    variant
        What else tells the questions about it apart: the number of supports, the slice, the draw.
    """

    dataset: str
    subject: str
    label: str
    variant: str = ""


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
        Time of the answer [s].
    peak_memory_mb
        Highest memory use of the process during the answer [MB].
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

    def items(self) -> Sequence[WorkItem]:
        """Return all questions, in an order that does not depend on anything but the protocol."""
        ...

    def evaluate(self, item: WorkItem, method: Method, run: Run) -> Mapping[str, float]:
        """Put one question and return the values of all metrics."""
        ...

    def failed_values(self, item: WorkItem) -> Mapping[str, float]:
        """Return the values of a method that gave no answer, so that failures stay in the means."""
        ...
