"""Which slices of examples a slice is compared with, and volumes as slices and back."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.prototypes.encoders import FilterBankEncoder
from MedSegAICore.fewshot.prototypes.pictures import (
    as_slices,
    as_volume,
    finest_spacing,
    onto,
    pictures_of,
    slicing_axis,
)
from MedSegAICore.fewshot.prototypes.shots import SLICES, Shot, depths_of, nearest, shots_of

LABELS = ("liver", "kidney")


def shot(example: int, *depths: float) -> Shot:
    features = np.full((1, 1, 1), example, np.float16)
    return Shot(features, np.ones((len(depths), 1, 1), np.float32), np.array(depths), example)


def test_depth_is_the_share_of_the_structure_below():
    depths = depths_of(np.array([0, 1.0, 2.0, 1.0, 0]))
    assert np.array_equal(np.isnan(depths), [True, False, False, False, True])
    assert depths[1:4].tolist() == [0.125, 0.5, 0.875]


def test_the_nearest_slice_of_every_example_comes_before_any_second_one():
    shots = [shot(0, 0.5), shot(0, 0.45), shot(1, 0.9), shot(0, 0.1), shot(2, float("nan"))]
    found = [float(seen.features.flatten()[0]) for seen in nearest(shots, 0, 0.48, most=3)]
    assert found == [0, 1, 0]


def test_what_no_slice_shows_has_no_nearest_one():
    assert nearest([shot(0, float("nan"), 0.2)], 0, 0.5, most=3) == []


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_become_the_volume_again(axis):
    array = np.random.default_rng(0).standard_normal((4, 5, 6))
    slices = as_slices(array, axis)
    assert len(slices) == array.shape[axis]
    assert np.array_equal(as_volume(slices, axis), array)


@pytest.fixture(scope="module")
def pictures(people):
    axis = slicing_axis(people)
    return pictures_of(people[0].image, axis, finest_spacing(people, axis), most_pixels=1 << 16)


@pytest.fixture(scope="module")
def shots(people, pictures):
    encoder = FilterBankEncoder(ByteBoundedCache(1 << 24))
    return shots_of(people[0], 7, LABELS, pictures, 12.0, encoder, Run())


def test_few_slices_spread_over_every_structure_are_kept(shots):
    assert len(shots) <= 2 * SLICES
    for structure in range(2):
        depths = np.sort([one.depths[structure] for one in shots if one.depths[structure] >= 0])
        assert depths[0] < 0.2 < 0.8 < depths[-1]
    assert {one.example for one in shots} == {7}


def test_slices_are_made_coarser_when_they_are_large(people):
    small = pictures_of(people[0].image, 0, 0.1, most_pixels=200)
    assert np.prod(small.shape) <= 1.2 * 200
    assert small.count == people[0].image.geometry.shape[0]


def test_what_moves_to_the_grid_of_features_and_back_stays_in_place(pictures):
    blob = np.zeros((1, *np.array(pictures.image.GetSize())[::-1]), np.float32)
    blob[0, 6:12, 8:16, 5:14] = 1
    rows, columns = pictures.shape
    grid = pictures.grid((rows // 2, columns // 2))
    there = onto(blob, pictures.image, grid, outside=0.0)
    back = onto(there, grid, pictures.image)
    both = [np.argwhere(values[0] > 0.5).mean(axis=0) for values in (blob, back)]
    assert np.abs(both[0] - both[1]).max() < 0.3
