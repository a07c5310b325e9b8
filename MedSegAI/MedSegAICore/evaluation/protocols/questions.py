"""The questions of a protocol: which structures of which images are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ...errors import InvalidRequest
from ..datasets.dataset import Case, Dataset
from ..work import WorkItem


@dataclass(frozen=True, eq=False)
class Question:
    """One structure of one image.

    Parameters
    ----------
    case
        The image.
    label
        The structure.
    draw
        Which of several draws of the prompts, from 1 on.
    """

    case: Case
    label: str
    draw: int = 1


def list_questions(
    dataset: Dataset,
    labels: Collection[str] = (),
    subjects: Collection[str] = (),
    draws: int = 1,
    *,
    by_any_rater: bool = False,
) -> dict[WorkItem, Question]:
    """Return a question for every structure that is present on an image, by its item.

    Parameters
    ----------
    dataset
        The set.
    labels, subjects
        What and whom to ask for; empty stands for all.
    draws
        How often the prompts of each question are drawn.
    by_any_rater
        A structure that one of several raters drew is present; if not, more than half of them must agree on a voxel.

    Raises
    ------
    InvalidRequest
        The set has no structure of that name, or nothing is left to ask.
    InvalidDataset
        The set has no subject of that name, or a label map cannot be used.
    """
    unknown = sorted(set(labels) - set(dataset.labels))
    if unknown:
        message = f"The set '{dataset.name}' has no structure '{unknown[0]}'."
        raise InvalidRequest(message, f"Choose some of: {', '.join(dataset.labels)}.")
    found = {}
    for case in (dataset.only(subjects) if subjects else dataset).cases:
        for label in case.drawn_labels if by_any_rater else case.present_labels:
            if labels and label not in labels:
                continue
            for draw in range(1, draws + 1):
                variant = ", ".join(part for part in (case.name, f"draw {draw}" if draws > 1 else "") if part)
                found[WorkItem(dataset.name, case.subject, label, variant)] = Question(case, label, draw)
    if not found:
        message = f"The set '{dataset.name}' shows none of the structures that are asked for."
        raise InvalidRequest(message, "Choose other structures, subjects or images.")
    return found


def random_for(item: WorkItem, seed: int) -> np.random.Generator:
    """Return the source of random numbers of one question; it does not depend on what else is asked."""
    text = "\n".join((str(seed), item.dataset, item.subject, item.label, item.variant))
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big"))
