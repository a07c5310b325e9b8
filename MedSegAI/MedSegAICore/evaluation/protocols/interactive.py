"""The interactive protocol: a box, then clicks, each where the method's own last answer is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...engine.run import Run
from ...errors import InvalidRequest
from ...geometry import VolumeGeometry
from ...prompts import Prompt
from ...volume import ImageVolume
from ..click_curve import answers
from ..datasets.dataset import Dataset
from ..datasets.split import COMMITTED_SEED
from ..metrics.pair import MaskPair
from ..metrics.registry import dice, iou, normalized_surface_dice
from ..next_click import THICKEST, ClickRule
from ..work import Quantity, WorkItem
from .judge import Judge, checked_answer
from .questions import Question, list_questions, random_for

Mask = NDArray[np.bool_]

InteractiveMethod = Callable[[ImageVolume, tuple[Prompt, ...], Run], Mask]
"""Turns an image and all prompts so far into a mask (k, j, i) bool of the whole image."""

REACHED = (85, 90)
"""Overlaps [%] at which clicks are counted."""

Scores = Mapping[str, float]
"""What an answer is worth, by quantity."""

NOTHING: Scores = {"dice": 0.0, "iou": 0.0, "nsd": 0.0}
"""Scores of no answer at all."""

OVERLAPS = {"iou": "IoU", "dice": "Dice"}


@dataclass(frozen=True, eq=False)
class InteractiveProtocol:
    """Dice, IoU and NSD after each click, the area under the curves, and how many clicks it takes.

    The area is the trapezoid under the values after click 1 to the last, one unit wide per click, so from 0 to
    `clicks` - 1; that is DSC_AUC and NSD_AUC of CVPR 2025's MedSegFM challenge for five clicks, except that there NSD
    is 0 wherever Dice is 0.2 or less. The number of clicks is the NoC of RITM (Sofiiuk et al. 2021,
    arXiv:2102.06583), which takes IoU and up to 20 clicks without a box: clicks until the overlap is reached,
    `clicks` if it never is; a box alone that reaches it counts as 0 clicks.

    Parameters
    ----------
    dataset
        The images; a slice is a volume of one slice.
    labels, subjects
        What and whom to ask for; empty stands for all.
    clicks
        Most clicks, at least 2.
    box_first
        Start with the tight box on the middle slice. Without it, the values after 0 clicks are 0.
    rule
        Where clicks go.
    draws
        How often the clicks of each question are drawn; above 1 they are also drawn among equally good voxels.
    reached_by
        The overlap that the number of clicks is about.
    tolerance
        How far a surface may be off for NSD [mm, or pixels].
    seed
        Of everything that is drawn.

    Raises
    ------
    InvalidRequest
        A number is too small, or there is no such overlap.
    """

    dataset: Dataset
    labels: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    clicks: int = 5
    box_first: bool = True
    rule: ClickRule = THICKEST
    draws: int = 1
    reached_by: Literal["iou", "dice"] = "iou"
    tolerance: float = 2.0
    seed: int = COMMITTED_SEED

    def __post_init__(self) -> None:
        if self.clicks < 2 or self.draws < 1:
            message = f"{self.clicks} clicks in {self.draws} draws make no curve."
            raise InvalidRequest(message, "Choose at least 2 clicks and 1 draw.")
        if self.reached_by not in OVERLAPS:
            message = f"Clicks cannot be counted by '{self.reached_by}'."
            raise InvalidRequest(message, "Choose 'iou' or 'dice'.")

    @property
    def name(self) -> str:
        """Return the name that stands over the table."""
        start = "a box and " if self.box_first else ""
        jitter = f", jitter {self.rule.jitter:g}" if self.rule.jitter else ""
        return f"Interactive: {start}{self.clicks} clicks at the {self.rule.error} error{jitter}"

    def quantities(self) -> tuple[Quantity, ...]:
        """Return what is measured."""
        return (*_summaries(self.clicks, OVERLAPS[self.reached_by]), *self._steps())

    def items(self) -> Sequence[WorkItem]:
        """Return a question for every structure that is present on an image."""
        return tuple(self._questions)

    def evaluate(self, item: WorkItem, method: InteractiveMethod, run: Run) -> Mapping[str, float]:
        """Place box and clicks, and return the value of every quantity."""
        question = self._questions[item]
        image, truth = question.case.image(), question.case.mask(question.label)
        steps = self.clicks + 1

        def predict(prompts: tuple[Prompt, ...]) -> Mask:
            part = run.part((len(prompts) - 1) / steps, len(prompts) / steps)
            return checked_answer(method(image, prompts, part), truth.array.shape)

        is_drawn = self.rule.jitter > 0 or self.draws > 1
        random = random_for(item, self.seed) if is_drawn else None
        judge = Judge(self.dataset.spec.has_spacing, self.tolerance)
        scores = [
            self._scores(judge.pair(answer.mask, truth))
            for answer in answers(
                truth.array,
                truth.geometry,
                predict,
                self.clicks,
                box_first=self.box_first,
                rule=self.rule,
                random=random,
            )
        ]
        start = [] if self.box_first else [NOTHING]
        return self._values([*start, *scores]) | {"answers": float(len(scores))}

    def failed_values(self, item: WorkItem) -> Mapping[str, float]:  # noqa: ARG002  the same for every question
        """Return the values of a method that gave no answer."""
        return self._values([NOTHING]) | {"answers": 0.0}

    def masks(self, item: WorkItem, method: InteractiveMethod | None, run: Run) -> tuple[Mask, Mask, VolumeGeometry]:
        """Ask again and return the last answer and the truth (k, j, i) with their grid; nothing without a method."""
        truth = self._questions[item].case.mask(item.label)
        last = np.zeros(truth.geometry.shape, dtype=np.bool_)

        def remember(image: ImageVolume, prompts: tuple[Prompt, ...], run: Run) -> Mask:
            nonlocal last
            assert method is not None  # noqa: S101  asked below only
            last = method(image, prompts, run)
            return last

        if method is not None:
            self.evaluate(item, remember, run)
        return last, truth.full(), truth.geometry

    def _scores(self, pair: MaskPair) -> Scores:
        return {"dice": dice(pair), "iou": iou(pair), "nsd": normalized_surface_dice(pair, self.tolerance)}

    def _values(self, scores: Sequence[Scores]) -> dict[str, float]:
        """Return all values of a curve whose last score stands for all clicks that were not needed."""
        full = [*scores, *[scores[-1]] * (self.clicks + 1 - len(scores))]
        values = {f"{name}_{click}": score[name] for name in NOTHING for click, score in enumerate(full)}
        for name in ("dice", "nsd"):
            values[name] = full[-1][name]
            values[f"{name}_auc"] = sum((one[name] + following[name]) / 2 for one, following in pairwise(full[1:]))
        for percent in REACHED:
            needed = [click for click, score in enumerate(full) if score[self.reached_by] >= percent / 100]
            values[f"noc_{percent}"] = float(needed[0] if needed else self.clicks)
            values[f"unreached_{percent}"] = float(not needed)
        return values

    @cached_property
    def _questions(self) -> dict[WorkItem, Question]:
        return list_questions(self.dataset, self.labels, self.subjects, self.draws)

    def _steps(self) -> list[Quantity]:
        titles = {"dice": "Dice", "iou": "IoU", "nsd": f"NSD at {self.tolerance:g}"}
        return [
            Quantity(f"{name}_{click}", f"{titles[name]} after {click}", "", True, f"{name} after the click", click)
            for name in NOTHING
            for click in range(self.clicks + 1)
        ]


def _summaries(clicks: int, overlap: str) -> list[Quantity]:
    last = f"after the last of {clicks} clicks; if all is right before, then"
    area = f"trapezoid over clicks 1 to {clicks}, 0 to {clicks - 1}"
    summaries = [
        Quantity("dice", "Dice", "", True, f"Dice {last}", failure_value=0.0),
        Quantity("nsd", "NSD", "", True, f"NSD {last}"),
        Quantity("dice_auc", "Dice AUC", "", True, area),
        Quantity("nsd_auc", "NSD AUC", "", True, area),
    ]
    for percent in REACHED:
        reached = f"{overlap} {percent} %"
        counted = f"clicks until {reached} (RITM); {clicks} if never"
        summaries += [
            Quantity(f"noc_{percent}", f"NoC@{percent}", "clicks", False, counted),
            Quantity(f"unreached_{percent}", f"NoF@{percent}", "", False, f"1 where {reached} is never reached"),
        ]
    asked = "answers to the box and to each click; time divided by them is the time per click"
    return [*summaries, Quantity("answers", "Answers", "", None, asked, shown=False)]
