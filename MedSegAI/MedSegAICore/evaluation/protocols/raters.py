"""The raters' protocol: several plausible answers against what several people drew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...engine.run import Run
from ...errors import InvalidRequest
from ...geometry import VolumeGeometry
from ...prompts import Prompt
from ...volume import ImageVolume, VolumePatch
from ..datasets.dataset import Dataset
from ..metrics.calibration import expected_calibration_error
from ..metrics.crps import volume_crps
from ..metrics.raters import best_candidate_dice, consensus_dice, energy_distance, matched_iou
from ..next_click import first_box, next_click
from ..work import Quantity, WorkItem
from .judge import checked_answer
from .questions import Question, list_questions

Mask = NDArray[np.bool_]
PromptKind = Literal["none", "point", "box"]


@dataclass(frozen=True, eq=False)
class Candidates:
    """What a method offers to choose from.

    Parameters
    ----------
    masks
        Masks (k, j, i) bool of the whole image, best first, at least one.
    probability
        Probability (k, j, i) of the structure, 0..1; None takes the share of the masks.
    consensus
        What the masks say together (k, j, i) bool; None takes the first of them.
    """

    masks: tuple[Mask, ...]
    probability: NDArray[Any] | None = None
    consensus: Mask | None = None

    @property
    def answer(self) -> Mask:
        """The mask that is given where only one can be."""
        return self.masks[0] if self.consensus is None else self.consensus


RatersMethod = Callable[[ImageVolume, tuple[Prompt, ...], Run], Candidates]
"""Turns an image, and the prompts of the protocol, into candidates."""


@dataclass(frozen=True, eq=False)
class RatersProtocol:
    """One question for every structure that at least one rater drew; raters who drew nothing count as well.

    Dice where all agree and the calibration error are those of the CURVAS challenge (2024): the former is that of the
    consensus or else the first mask, the latter the mean over the raters. A method that gives no answer gets the
    worst value of each quantity, and the volume 0.

    Parameters
    ----------
    dataset
        Images that several people drew on.
    labels, subjects
        What and whom to ask for; empty stands for all.
    prompt
        What the method is told: `none`, a `point` where it lies deepest in what most raters drew, or a flat `box`
        around the middle slice of all that any rater drew.

    Raises
    ------
    InvalidRequest
        There is no such prompt.
    """

    dataset: Dataset
    labels: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    prompt: PromptKind = "none"

    def __post_init__(self) -> None:
        if self.prompt not in ("none", "point", "box"):
            message = f"There is no prompt '{self.prompt}' for candidates."
            raise InvalidRequest(message, "Choose 'none', 'point' or 'box'.")

    @property
    def name(self) -> str:
        """Return the name that stands over the table."""
        return "Raters" if self.prompt == "none" else f"Raters, one {self.prompt}"

    def quantities(self) -> tuple[Quantity, ...]:
        """Return what is measured."""
        unit = "ml" if self.dataset.spec.has_spacing else "px"
        agreed = "Dice of the consensus, or of the first mask, where all raters agree (CURVAS)"
        calibrated = "mean over raters of monai's CalibrationErrorMetric(num_bins=20) in the box around the structure"
        gaussian = "volume against a Gaussian of the raters' volumes (CURVAS), exact integral"
        return (
            Quantity("ged", "GED^2", "", False, "Kohl et al. 2018, with d = 1 - IoU and all pairs"),
            Quantity("best_dice", "Best candidate Dice", "", True, "Rakic et al. 2024", failure_value=0.0),
            Quantity("matched_iou", "Matched IoU", "", True, "Kassapis et al. 2021"),
            Quantity("consensus_dice", "Consensus Dice", "", True, agreed),
            Quantity("ece", "Calibration error", "", False, calibrated),
            Quantity("crps", "CRPS of volume", unit, False, gaussian),
            Quantity("candidates", "Candidates", "", None, "number of masks that were offered"),
        )

    def items(self) -> Sequence[WorkItem]:
        """Return a question for every structure that at least one rater drew."""
        return tuple(self._questions)

    def evaluate(self, item: WorkItem, method: RatersMethod, run: Run) -> Mapping[str, float]:
        """Ask for candidates and return the value of every quantity."""
        question = self._questions[item]
        image, raters = question.case.image(), question.case.masks(question.label)
        shape = image.array.shape
        offered = method(image, self._prompts(raters), run)
        masks = np.array([checked_answer(mask, shape) for mask in offered.masks])
        drawn = np.array([rater.array for rater in raters])
        values = {
            "ged": energy_distance(masks, drawn).squared,
            "best_dice": best_candidate_dice(masks, drawn),
            "matched_iou": matched_iou(masks, drawn),
            "consensus_dice": consensus_dice(checked_answer(offered.answer, shape), drawn),
        }
        probability = masks.mean(axis=0) if offered.probability is None else np.asarray(offered.probability)
        spacing = image.geometry.spacing_kji if self.dataset.spec.has_spacing else None
        values["ece"] = fmean(expected_calibration_error(probability, rater, spacing) for rater in drawn)
        values["crps"] = self._volume_score(float(probability.sum(dtype=np.float64)), raters)
        return values | {"candidates": float(len(masks))}

    def failed_values(self, item: WorkItem) -> Mapping[str, float]:
        """Return the values of a method that gave no answer."""
        question = self._questions[item]
        missed = self._volume_score(0.0, question.case.masks(question.label))
        worst = {"ged": 2.0, "best_dice": 0.0, "matched_iou": 0.0, "consensus_dice": 0.0, "ece": 1.0}
        return worst | {"crps": missed, "candidates": 0.0}

    def masks(self, item: WorkItem, method: RatersMethod | None, run: Run) -> tuple[Mask, Mask, VolumeGeometry]:
        """Ask again and return the answer and what most raters drew (k, j, i); nothing without a method."""
        question = self._questions[item]
        truth = question.case.mask(question.label)
        answer = np.zeros(truth.geometry.shape, dtype=np.bool_)
        if method is not None:
            prompts = self._prompts(question.case.masks(question.label))
            answer = checked_answer(method(question.case.image(), prompts, run).answer, truth.geometry.shape)
        return answer, truth.full(), truth.geometry

    @cached_property
    def _questions(self) -> dict[WorkItem, Question]:
        return list_questions(self.dataset, self.labels, self.subjects, by_any_rater=True)

    def _volume_score(self, voxels: float, raters: Sequence[VolumePatch]) -> float:
        spacing = raters[0].geometry.spacing_kji
        volume = float(spacing.prod()) / 1000.0 if self.dataset.spec.has_spacing else 1.0
        return volume_crps(voxels * volume, [np.count_nonzero(rater.array) * volume for rater in raters])

    def _prompts(self, raters: Sequence[VolumePatch]) -> tuple[Prompt, ...]:
        if self.prompt == "none":
            return ()
        geometry = raters[0].geometry
        votes = np.sum([rater.array for rater in raters], axis=0)
        if self.prompt == "box":
            return (first_box(votes > 0, geometry),)
        click = next_click(np.zeros(geometry.shape, dtype=np.bool_), votes == votes.max(), geometry)
        return () if click is None else (click,)
