"""Slices that four radiologists drew on become examples."""

from __future__ import annotations

import numpy as np
from MedSegAICore.evaluation.datasets.dataset import load_dataset
from MedSegAICore.evaluation.datasets.split import subject_split
from MedSegAICore.training.diffusion import FRACTIONS
from MedSegAICore.training.rater_crops import draw_crop, read_slices


def test_real_slices_have_the_masks_of_all_raters_and_fit_into_a_square(shared):
    dataset = load_dataset("ct_lung_nodules_4raters", shared / "data")
    people = subject_split(dataset.subjects, FRACTIONS)["validation"][:6]
    slices = read_slices(dataset, "nodule", people)
    assert len(slices) == len(dataset.only(people).cases)
    assert slices.images.shape[1:] == (128, 128)
    assert slices.masks.shape[1:] == (4, 128, 128)
    assert (slices.images.min(axis=(1, 2)) == 0).all()
    assert (slices.images.max(axis=(1, 2)) == 255).all()
    chance = np.random.default_rng(0)
    for index in range(len(slices)):
        areas = {int(mask.sum()) for mask in slices.masks[index]}
        crop = draw_crop(slices, index, 64, chance)
        assert int(crop.mask.sum()) in areas
        assert crop.condition.shape == (2, 64, 64)
