"""Few-shot and in-context protocols: a method sees examples of other people and is asked for the same structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...engine.run import Run
from ...errors import InvalidRequest
from ...geometry import VolumeGeometry
from ...support import Support
from ...volume import VolumePatch
from ..datasets.dataset import Case, Dataset
from ..datasets.split import COMMITTED_SEED, subject_folds
from ..work import Quantity, WorkItem
from .judge import Judge, Mask
from .questions import Question, list_questions
from .schemes import Scheme, SupportMethod
from .supports import support_cases, support_from


@dataclass(frozen=True, eq=False)
class SupportProtocol:
    """Every image is the query once; examples are drawn by seed from other people, one of each.

    Parameters
    ----------
    dataset
        Where queries and examples come from.
    scheme
        What the method is shown of them.
    shots
        Number of examples, each of another person.
    labels, subjects
        What and whom to ask for; empty stands for all.
    supports_from
        Who may serve as an example; empty stands for everyone.
    folds
        Cross-validation: examples come from other folds than the query (Ouyang et al.: 5); 0 for none.
    tolerance
        How far a surface may be off for NSD [mm, or pixels].
    seed
        Of folds and examples.

    Raises
    ------
    InvalidRequest
        There are fewer examples than the scheme needs.
    """

    dataset: Dataset
    scheme: Scheme
    shots: int = 1
    labels: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    supports_from: tuple[str, ...] = ()
    folds: int = 0
    tolerance: float = 2.0
    seed: int = COMMITTED_SEED

    def __post_init__(self) -> None:
        fewest = self.scheme.fewest_supports
        if self.shots < fewest:
            message = f"The protocol '{self.scheme.name}' cannot do with {self.shots} examples."
            raise InvalidRequest(message, f"Choose at least {fewest}.")

    @property
    def name(self) -> str:
        """Return the name that stands over the table; the number of examples is a condition."""
        return f"{self.scheme.name}, {self.folds} folds" if self.folds else self.scheme.name

    @property
    def condition(self) -> str:
        """Return what keeps its questions apart from those with more or fewer examples."""
        supports = f"{self.shots} support{'s' if self.shots > 1 else ''}"
        return ", ".join(filter(None, (supports, self.scheme.remark)))

    def quantities(self) -> tuple[Quantity, ...]:
        """Return what is measured, on the slices that the scheme scores."""
        return self._judge.quantities()

    def items(self) -> Sequence[WorkItem]:
        """Return a question for every structure that is present on an image; there are examples for each."""
        for question in self._questions.values():
            self.examples(question.case, question.label)
        return tuple(self._questions)

    def evaluate(self, item: WorkItem, method: SupportMethod, run: Run) -> Mapping[str, float]:
        """Show the examples and the query, and return the value of every quantity."""
        query, answer = self._answer(item, method, run)
        scored = self.scheme.scored(query.mask.array)
        return self._judge.values(answer[scored], _slices_of(query.mask, scored))

    def failed_values(self, item: WorkItem) -> Mapping[str, float]:
        """Return the values of a method that gave no answer."""
        question = self._questions[item]
        truth = question.case.mask(question.label).canonical()
        return self._judge.failed_values(_slices_of(truth, self.scheme.scored(truth.array)))

    def masks(self, item: WorkItem, method: SupportMethod | None, run: Run) -> tuple[Mask, Mask, VolumeGeometry]:
        """Ask again and return answer and truth (k, j, i) with their grid; nothing without a method."""
        if method is not None:
            query, answer = self._answer(item, method, run)
            return answer, query.mask.full(), query.mask.geometry
        truth = self._questions[item].case.mask(item.label).canonical()
        return np.zeros(truth.geometry.shape, dtype=np.bool_), truth.full(), truth.geometry

    def examples(self, query: Case, label: str) -> tuple[Case, ...]:
        """Return the images that serve as examples for a query."""
        candidates = set(self.supports_from or self.dataset.subjects)
        if self.folds:
            candidates -= set(self.fold_of(query.subject))
        return support_cases(self.dataset, label, query.subject, self.shots, self.seed, candidates)

    def _answer(self, item: WorkItem, method: SupportMethod, run: Run) -> tuple[Support, Mask]:
        """Return the query with its truth, and the method's answer (k, j, i)."""
        question = self._questions[item]
        supports = [support_from(case, question.label) for case in self.examples(question.case, question.label)]
        query = support_from(question.case, question.label)
        return query, self.scheme.ask(method, supports, query.image, query.mask.array, run)

    def fold_of(self, subject: str) -> tuple[str, ...]:
        """Return everyone who is tested together with `subject`: a method is trained on all others.

        Those who serve as examples for the fold are not trained on either.
        """
        return next(fold for fold in self._folds if subject in fold)

    @cached_property
    def _folds(self) -> tuple[tuple[str, ...], ...]:
        return subject_folds(self.dataset.subjects, self.folds, self.seed)

    @cached_property
    def _judge(self) -> Judge:
        return Judge(self.dataset.spec.has_spacing, self.tolerance)

    @cached_property
    def _questions(self) -> dict[WorkItem, Question]:
        found = list_questions(self.dataset, self.labels, self.subjects)
        return {replace(item, condition=self.condition): question for item, question in found.items()}


def _slices_of(truth: VolumePatch, slices: slice) -> VolumePatch:
    part = np.asarray(truth.array[slices])
    offset, shape = (slices.start, 0, 0), truth.geometry.shape
    return VolumePatch.whole(part, truth.geometry.crop(offset, (len(part), *shape[1:])))
