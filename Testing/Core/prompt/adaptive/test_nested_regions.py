"""Regions around a click, one within the other, and how they look."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from MedSegAICore.engine.run import Run
from MedSegAICore.prompt.adaptive.click_view import View
from MedSegAICore.prompt.adaptive.nested_regions import DEPTH, RADII, _family, _grown, regions_around
from scipy import ndimage

SHAPE = (40, 50)
CLICK = (18, 22)


@pytest.fixture
def difference() -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(SHAPE), 3)
    return np.abs(noise - noise[CLICK])


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)), st.integers(0, 5))
def test_a_region_grows_by_the_distance_from_it(region: np.ndarray, radius: int) -> None:
    distance = ndimage.distance_transform_edt(~region) if region.any() else np.full(region.shape, np.inf)
    np.testing.assert_array_equal(_grown(region, radius), distance <= radius)


@given(st.integers(0, 5))
def test_values_grow_to_the_largest_ones_near(radius: int) -> None:
    values = np.random.default_rng(radius).random((9, 14))
    rows, columns = np.indices((2 * radius + 1, 2 * radius + 1)) - radius
    disk = np.hypot(rows, columns) <= radius
    np.testing.assert_array_equal(
        _grown(values, radius), ndimage.maximum_filter(values, footprint=disk, mode="constant")
    )


@pytest.mark.parametrize("radius", RADII)
def test_regions_are_the_opened_surroundings_of_the_click_that_are_similar(difference: np.ndarray, radius: int) -> None:
    tolerances = np.quantile(difference, [0.05, 0.1, 0.3, 0.6, 0.9])
    family = _family(difference, CLICK, radius, tolerances, Run())
    assert 2 <= len(family) <= len(tolerances)
    for region, tolerance in zip(reversed(family), reversed(tolerances), strict=False):
        core = ndimage.distance_transform_edt(np.pad(difference <= tolerance, 1, constant_values=True)) > radius
        parts, _ = ndimage.label(core[1:-1, 1:-1])
        opened = ndimage.distance_transform_edt(parts != parts[CLICK]) <= radius
        np.testing.assert_array_equal(region, ndimage.binary_fill_holes(opened))


def test_regions_with_more_tolerance_hold_those_with_less(difference: np.ndarray) -> None:
    family = _family(difference, CLICK, 1, np.quantile(difference, [0.05, 0.1, 0.3, 0.6, 0.9]), Run())
    for smaller, larger in pairwise(family):
        assert not (smaller & ~larger).any()


@pytest.mark.parametrize(("click", "depth"), [((20, 25), 1.0), ((20, 34), 0.2)])
def test_the_depth_of_the_click_is_a_share_of_the_regions(click: tuple[int, int], depth: float) -> None:
    rows, columns = np.indices(SHAPE)
    pixels = 100.0 * (np.hypot(rows - 20, columns - 25) <= 11)
    regions = list(regions_around(View(pixels, click, 1, (0, 0)), False, Run()))
    disc = max(regions, key=lambda region: region.looks_if_deepest[0])  # with the strongest edges
    assert disc.looks()[DEPTH] == pytest.approx(depth, abs=0.15)
    assert disc.looks_if_deepest[DEPTH] == 1
    np.testing.assert_array_equal(np.delete(disc.looks(), DEPTH), np.delete(disc.looks_if_deepest, DEPTH))
