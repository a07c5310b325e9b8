"""Deranged masks, stretched masks, and the baselines that live on them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, InvalidRequest
from MedSegAICore.evaluation.protocols.baselines import first_mask, mean_mask
from MedSegAICore.evaluation.protocols.fitting import fitted
from MedSegAICore.evaluation.protocols.supports import deranged, unmatched
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.support import Support
from MedSegAICore.volume import ImageVolume, VolumePatch

shapes = st.tuples(*[st.integers(1, 6)] * 3)


def support_of(mask: np.ndarray, name: str = "") -> Support:
    grid = VolumeGeometry.from_components(mask.shape)
    return Support(ImageVolume(np.zeros(mask.shape), grid), VolumePatch.whole(mask, grid), name)


def single(place: int, length: int = 30) -> np.ndarray:
    mask = np.zeros((1, 1, length), bool)
    mask[0, 0, place] = True
    return mask


@given(st.integers(2, 30), st.integers(0, 1000))
def test_no_mask_stays_with_its_image_and_none_is_lost(count, seed):
    supports = [support_of(single(place), f"{place}") for place in range(count)]
    exchanged = deranged(supports, seed)
    places = [int(np.flatnonzero(one.mask.array)[0]) for one in exchanged]
    assert sorted(places) == list(range(count))
    assert all(place != own for own, place in enumerate(places))
    assert all(one.image is support.image for one, support in zip(exchanged, supports, strict=True))
    again = deranged(supports, seed)
    assert all(np.array_equal(one.mask.array, other.mask.array) for one, other in zip(exchanged, again, strict=True))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31), st.tuples(*[st.integers(0, 11)] * 2))
def test_what_is_moved_keeps_its_mask_on_its_image(seed, place):
    mask = np.zeros((2, 12, 12), bool)
    mask[1, place[0], place[1]] = True
    image = ImageVolume(mask * np.float32(7), VolumeGeometry.from_components(mask.shape))
    (moved,) = unmatched([Support(image, VolumePatch.whole(mask, image.geometry), "one")], seed)
    assert np.array_equal(moved.image.array > 0, moved.mask.full())
    assert moved.mask.full().sum() == 1
    assert moved.mask.full()[1].any()


def test_one_example_cannot_be_deranged():
    with pytest.raises(InvalidRequest, match="cannot exchange"):
        deranged([support_of(single(1))], 0)


def test_a_mask_from_an_image_of_another_size_is_stretched_to_the_new_one():
    small, large = support_of(np.ones((1, 2, 2), bool), "small"), support_of(np.ones((3, 8, 4), bool), "large")
    first, second = deranged([small, large], 0)
    assert first.mask.array.shape == (1, 2, 2)
    assert second.mask.array.shape == (3, 8, 4)
    assert second.mask.array.all()
    assert first.name == "small with the mask of large"


@given(shapes, shapes, st.integers(0, 100))
def test_a_stretched_structure_keeps_its_shape_and_never_vanishes(old, new, seed):
    mask = np.random.default_rng(seed).random(old) < 0.2
    stretched = fitted(mask, new)
    assert stretched.shape == new
    assert stretched.any() == mask.any()
    assert np.array_equal(fitted(mask, old), mask)
    assert np.array_equal(fitted(fitted(mask, tuple(3 * n for n in old)), old), mask)


def test_a_stretched_mask_keeps_its_relative_place():
    mask = np.zeros((1, 4, 4), bool)
    mask[0, 1, 2:] = True
    stretched = fitted(mask, (2, 8, 8))
    assert np.array_equal(stretched, mask.repeat(2, 0).repeat(2, 1).repeat(2, 2))
    tiny = np.zeros((1, 1, 9), bool)
    tiny[0, 0, 7] = True
    assert np.flatnonzero(fitted(tiny, (1, 1, 2))).tolist() == [1]


def query_of(shape: tuple[int, int, int]) -> ImageVolume:
    return ImageVolume(np.zeros(shape), VolumeGeometry.from_components(shape))


def test_the_mean_mask_is_where_at_least_half_of_the_masks_are():
    masks = np.zeros((4, 1, 1, 5), bool)
    for place in range(5):
        masks[:place, 0, 0, place] = True  # 0, 1, 2, 3 and 4 masks
    supports = [support_of(mask) for mask in masks[:, :, :, 1:]]
    assert mean_mask(supports[:2], query_of((1, 1, 4)), Run())[0, 0].tolist() == [True, True, True, True]
    assert mean_mask([support_of(single(n, 4)) for n in range(3)], query_of((1, 1, 4)), Run()).any() is np.False_
    assert mean_mask([support_of(single(1, 4))], query_of((2, 1, 8)), Run())[1, 0].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]


def test_the_first_mask_is_copied():
    supports = [support_of(single(1, 4)), support_of(single(3, 4))]
    assert np.flatnonzero(first_mask(supports, query_of((1, 1, 4)), Run())).tolist() == [1]


@pytest.mark.parametrize("method", [mean_mask, first_mask])
def test_a_baseline_can_be_cancelled(method):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        method([support_of(single(1))], query_of((1, 1, 30)), Run(cancel=cancel))
