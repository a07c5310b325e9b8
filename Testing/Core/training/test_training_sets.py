"""Weights that are shipped are trained only on what may be trained on."""

from __future__ import annotations

from typing import get_args

import pytest
from MedSegAICore.errors import InvalidDataset
from MedSegAICore.evaluation.datasets.dataset import Dataset, load_dataset
from MedSegAICore.evaluation.datasets.description import read_description
from MedSegAICore.resources import resource_folder
from MedSegAICore.training.labelled import drawn_structures
from MedSegAICore.training.training_sets import (
    LABEL_MAP_SETS,
    LABELLED_SETS,
    UNLABELLED_SETS,
    Group,
    check_training_set,
    training_subjects,
)

KINDS = {"ct": "CT", "mr": "MR", "xray": "X-ray"}


def described(name):
    return Dataset(read_description(resource_folder("Datasets") / f"{name}.json"), ())


@pytest.mark.parametrize("group", get_args(Group))
def test_every_set_is_of_its_kind_and_may_be_trained_on(group):
    for name in LABELLED_SETS[group] + UNLABELLED_SETS[group] + LABEL_MAP_SETS[group]:
        dataset = described(name)
        assert dataset.spec.kind == KINDS[group]
        assert dataset.spec.training == "allowed"
        check_training_set(dataset)


@pytest.mark.parametrize("name", ["mr_abdomen_t2", "mr_hippocampus"])
def test_sets_under_other_terms_are_refused(name):
    assert not any(
        name in sets for groups in (LABELLED_SETS, UNLABELLED_SETS, LABEL_MAP_SETS) for sets in groups.values()
    )
    with pytest.raises(InvalidDataset, match=name):
        check_training_set(described(name))
    with pytest.raises(InvalidDataset, match="not trained on"):
        drawn_structures(described(name))


def test_large_sets_keep_subjects_for_tests_and_small_ones_do_not(shared):
    large, small = (load_dataset(name, shared / "data") for name in ("xr_chest_lungs", "mr_lesions"))
    kept = set(large.subjects) - set(training_subjects(large))
    assert len(kept) == round(0.2 * len(large.subjects))
    assert training_subjects(small) == small.subjects
