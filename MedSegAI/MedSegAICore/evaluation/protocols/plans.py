"""Protocols by their settings, before it is known which data sets they are put to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ...engine.run import Run
from ...errors import InvalidRequest
from ...geometry import VolumeGeometry
from ..datasets.dataset import Dataset
from ..datasets.split import COMMITTED_SEED, capped_subjects
from ..next_click import THICKEST, ClickRule
from ..work import EvaluationProtocol, WorkItem
from .from_supports import SupportProtocol
from .interactive import InteractiveProtocol
from .raters import PromptKind, RatersProtocol
from .schemes import Scheme
from .slice_schemes import OuyangSlices, RoySlices
from .whole_schemes import FullVolume, InContext

Mask = NDArray[np.bool_]

MethodKind = Literal["clicks", "candidates", "supports"]
"""What a protocol asks: see `InteractiveMethod`, `RatersMethod` and `SupportMethod`."""

SCHEMES = ("roy", "ouyang1", "ouyang2", "full-volume", "whole-examples")
"""Names of the few-shot schemes."""

ONE_SUPPORT, CONTEXT_SIZES = (1,), (1, 4, 16, 64)
"""Numbers of examples that are asked with unless others are chosen."""


class ImageProtocol(EvaluationProtocol[Any], Protocol):
    """A protocol over the images of a data set."""

    @property
    def dataset(self) -> Dataset:
        """Return the set that all images come from."""
        ...

    def masks(self, item: WorkItem, method: Any | None, run: Run) -> tuple[Mask, Mask, VolumeGeometry]:
        """Put a question again and return answer and truth (k, j, i) with their grid; nothing without a method."""
        ...


@dataclass(frozen=True)
class Asked:
    """What every protocol is told.

    Parameters
    ----------
    labels, subjects
        What and whom to ask for; empty stands for all.
    most_subjects
        Of these at most so many, drawn by seed, in each data set; 0 for all of them.
    tolerance
        How far a surface may be off for NSD [mm, or pixels].
    seed
        Of everything that is drawn.

    Raises
    ------
    InvalidRequest
        The number of subjects is below 0.
    """

    labels: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    most_subjects: int = 0
    tolerance: float = 2.0
    seed: int = COMMITTED_SEED

    def __post_init__(self) -> None:
        if self.most_subjects < 0:
            message = f"{self.most_subjects} subjects cannot be asked for."
            raise InvalidRequest(message, "Choose 1 or more, or 0 for all.")

    def subjects_of(self, dataset: Dataset) -> tuple[str, ...]:
        """Return whom to ask for in a data set."""
        subjects = dataset.only(self.subjects).subjects if self.subjects else dataset.subjects
        return capped_subjects(subjects, self.most_subjects, self.seed) if self.most_subjects else subjects


class Plan(Protocol):
    """A protocol whose data set is still open."""

    @property
    def asks_for(self) -> MethodKind:
        """Return what kind of methods it is for."""
        ...

    def over(self, dataset: Dataset, asked: Asked) -> Sequence[ImageProtocol]:
        """Return what is asked on a data set, one protocol for each condition."""
        ...


@dataclass(frozen=True)
class InteractivePlan:
    """A box and clicks; the settings are those of `InteractiveProtocol`."""

    clicks: int = 5
    box_first: bool = True
    rule: ClickRule = THICKEST
    draws: int = 1

    asks_for: MethodKind = "clicks"

    def over(self, dataset: Dataset, asked: Asked) -> tuple[InteractiveProtocol, ...]:
        """Return the protocol; it sees no images but those that are asked about."""
        chosen = dataset.only(asked.subjects_of(dataset))
        return (
            InteractiveProtocol(
                chosen,
                asked.labels,
                clicks=self.clicks,
                box_first=self.box_first,
                rule=self.rule,
                draws=self.draws,
                tolerance=asked.tolerance,
                seed=asked.seed,
            ),
        )


@dataclass(frozen=True)
class RatersPlan:
    """Candidates against several raters; `prompt` is that of `RatersProtocol`."""

    prompt: PromptKind = "box"

    asks_for: MethodKind = "candidates"

    def over(self, dataset: Dataset, asked: Asked) -> tuple[RatersProtocol, ...]:
        """Return the protocol; it sees no images but those that are asked about."""
        chosen = dataset.only(asked.subjects_of(dataset))
        return (RatersProtocol(chosen, asked.labels, prompt=self.prompt),)


@dataclass(frozen=True)
class SupportPlan:
    """Examples of other people, who may be anyone in the data set.

    Parameters
    ----------
    schemes
        What the method is shown and told.
    supports
        Numbers of examples, each a condition of its own. A scheme leaves out those that are too few for it.

    Raises
    ------
    InvalidRequest
        A number is below 1 or there twice, or all are too few for one of the schemes.
    """

    schemes: tuple[Scheme, ...]
    supports: tuple[int, ...]

    asks_for: MethodKind = "supports"

    def __post_init__(self) -> None:
        fewest = max(scheme.fewest_supports for scheme in self.schemes)
        numbers = self.supports
        if min(numbers, default=0) < 1 or len(set(numbers)) < len(numbers) or max(numbers) < fewest:
            message = f"The numbers of supports are {', '.join(map(str, numbers)) or 'missing'}."
            raise InvalidRequest(message, f"Give each number once, from 1 on, and one of {fewest} or more.")

    def over(self, dataset: Dataset, asked: Asked) -> tuple[SupportProtocol, ...]:
        """Return a protocol for each scheme and number of examples."""
        subjects = asked.subjects_of(dataset)
        return tuple(
            SupportProtocol(dataset, scheme, shots, asked.labels, subjects, tolerance=asked.tolerance, seed=asked.seed)
            for scheme in self.schemes
            for shots in self.supports
            if shots >= scheme.fewest_supports
        )


def few_shot_plan(scheme: str, supports: Sequence[int] = ONE_SUPPORT, slices: int = 12) -> SupportPlan:
    """Return a few-shot protocol by the name of its scheme, one of `SCHEMES`; `slices` is the budget of `roy`."""
    schemes = (RoySlices(slices), OuyangSlices(1), OuyangSlices(2), FullVolume(), FullVolume("all"))
    return SupportPlan((schemes[SCHEMES.index(scheme)],), tuple(supports))


def in_context_plan(
    supports: Sequence[int] = CONTEXT_SIZES, *, deranged: bool = False, unmatched: bool = False
) -> SupportPlan:
    """Return the in-context protocol, and what shows whether a method copies the places of masks.

    Parameters
    ----------
    supports
        Numbers of examples.
    deranged, unmatched
        Ask once more with the examples' masks exchanged, and with the examples mirrored and moved.
    """
    more = (deranged, InContext(deranged=True)), (unmatched, InContext(unmatched=True))
    schemes = (InContext(), *(scheme for is_asked, scheme in more if is_asked))
    return SupportPlan(schemes, tuple(supports))
