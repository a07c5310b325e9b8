"""What weights that come with MedSegAI are trained on, decided before any training.

A network is judged on the groups that it was not trained on. Sets that may not be trained on, or only under a licence
of their own, are in no group: their descriptions say so, and `check_training_set` refuses them.
"""

from __future__ import annotations

from typing import Literal

from ..errors import InvalidDataset
from ..evaluation.datasets.dataset import Dataset
from ..evaluation.datasets.split import COMMITTED_SEED, subject_split

Group = Literal["ct", "mr", "xray"]

LABELLED_SETS: dict[Group, tuple[str, ...]] = {
    "ct": ("ct_abdomen_slices", "ct_abdomen_volume", "ct_aorta_volume", "ct_lung_nodules_4raters"),
    "mr": ("mr_cardiac_lv", "mr_lesions", "mr_spinal_cord_t2", "mr_spinal_cord_t2s"),
    "xray": ("xr_chest_lungs",),
}
"""Labelled sets of each group."""

UNLABELLED_SETS: dict[Group, tuple[str, ...]] = {"ct": (), "mr": ("mr_brain_t1",), "xray": ()}
"""Sets of which only the images are learned from."""

LABEL_MAP_SETS: dict[Group, tuple[str, ...]] = {"ct": (), "mr": ("brain_labelmaps",), "xray": ()}
"""Sets of label maps without images, which are shown in contrasts by chance."""

FRACTIONS = {"training": 0.8, "test": 0.2}
"""Shares of the subjects of a large set; who is where follows from `COMMITTED_SEED`."""

_FEWEST_TO_SPLIT = 10
"""All subjects of smaller sets are trained on: other sets of another group are what counts."""


def training_subjects(dataset: Dataset) -> tuple[str, ...]:
    """Return the subjects of a set that may be trained on."""
    if len(dataset.subjects) < _FEWEST_TO_SPLIT:
        return dataset.subjects
    return subject_split(dataset.subjects, FRACTIONS, COMMITTED_SEED)["training"]


def check_training_set(dataset: Dataset) -> None:
    """Raise `InvalidDataset` unless the licence of a set lets weights be trained on it and shipped."""
    if dataset.spec.training != "allowed":
        message = f"Weights are not trained on the set '{dataset.name}' ({dataset.spec.licence})."
        raise InvalidDataset(message, "Use it to evaluate them.")
