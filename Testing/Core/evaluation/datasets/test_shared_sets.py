"""The sets beside the project are as their descriptions and their table say."""

from __future__ import annotations

import pytest
from MedSegAICore.evaluation.datasets.dataset import load_dataset

COUNTS = {
    "brain_labelmaps": (6, 6),
    "ct_abdomen_slices": (18, 127),
    "ct_abdomen_volume": (1, 2),
    "ct_aorta_volume": (1, 1),
    "ct_lung_nodules_4raters": (452, 881),
    "mr_abdomen_t2": (6, 6),
    "mr_brain_t1": (2, 2),
    "mr_cardiac_lv": (30, 538),
    "mr_hippocampus": (130, 130),
    "mr_lesions": (3, 3),
    "mr_spinal_cord_t2": (1, 1),
    "mr_spinal_cord_t2s": (1, 1),
    "xr_chest_lungs": (92, 92),
}
"""Subjects and images of each set."""

SLICES = {"ct_abdomen_slices", "ct_lung_nodules_4raters", "mr_cardiac_lv", "xr_chest_lungs"}
QUICK = sorted(COUNTS.keys() - {"brain_labelmaps"})


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_a_set_holds_as_many_subjects_as_its_table_says(shared, name):
    dataset = load_dataset(name, shared / "data")
    assert (len(dataset.subjects), len(dataset.cases)) == COUNTS[name]


@pytest.mark.parametrize("name", QUICK)
def test_the_first_case_of_a_set_can_be_read(shared, name):
    dataset = load_dataset(name, shared / "data")
    case = dataset.cases[0]
    image = case.image()
    assert (image.array.shape[0] == 1) is (name in SLICES)
    for label in case.present_labels:
        mask = case.mask(label)
        assert mask.array.any()
        assert mask.geometry.matches(image.geometry)
    assert bool(case.present_labels) is bool(dataset.labels)


@pytest.mark.parametrize("name", ["ct_abdomen_slices", "mr_abdomen_t2", "mr_hippocampus"])
def test_every_structure_of_the_description_is_on_some_image(shared, name):
    dataset = load_dataset(name, shared / "data")
    assert {label for case in dataset.cases for label in case.present_labels} == set(dataset.labels)


def test_four_people_drew_each_nodule(shared):
    dataset = load_dataset("ct_lung_nodules_4raters", shared / "data")
    assert {len(case.masks("nodule")) for case in dataset.cases[:20]} == {4}
    assert any(not mask.array.any() for case in dataset.cases[:20] for mask in case.masks("nodule"))
