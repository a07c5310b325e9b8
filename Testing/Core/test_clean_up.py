from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.clean_up import cleaned, largest_island
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.request import CleanUp
from MedSegAICore.volume import VolumePatch
from scipy import ndimage

GRID = VolumeGeometry.from_components((12, 24, 24), (1, 1, 3))
ALL = CleanUp(largest_island=True, fill_holes=True, smoothing_mm=1.5)


def whole(mask) -> VolumePatch:
    return VolumePatch.whole(mask, GRID)


def ball(center=(6, 12, 12), radius_mm=9.0) -> np.ndarray:
    k, j, i = np.indices(GRID.shape)
    return ((k - center[0]) * 3) ** 2 + (j - center[1]) ** 2 + (i - center[2]) ** 2 <= radius_mm**2


@given(st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_without_options_a_mask_stays_as_it_is(seed):
    mask = np.random.default_rng(seed).random(GRID.shape) > 0.9
    assert np.array_equal(cleaned(whole(mask), CleanUp()).full(), mask)


@pytest.mark.parametrize("options", [CleanUp(), ALL])
def test_an_empty_mask_stays_empty(options):
    assert cleaned(whole(np.zeros(GRID.shape, bool)), options).array.size == 0


def test_only_the_largest_island_is_kept():
    large, small = ball(), np.zeros(GRID.shape, bool)
    small[0, :4, :4] = True
    assert np.array_equal(cleaned(whole(large | small), CleanUp(largest_island=True)).full(), large)


def test_islands_that_touch_only_at_an_edge_are_two():
    mask = np.zeros((1, 4, 4), bool)
    mask[0, :2, :2] = mask[0, 2:, 2] = True
    assert largest_island(mask).sum() == 4


def test_a_closed_hole_is_filled_and_an_open_one_is_not():
    shell = ball() & ~ball(radius_mm=5)
    assert np.array_equal(cleaned(whole(shell), CleanUp(fill_holes=True)).full(), ball())
    shell[6, 12, 12:] = False
    open_shell = cleaned(whole(shell), CleanUp(fill_holes=True)).full()
    assert not open_shell[6, 12, 12]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_on_one_slice_a_hole_is_filled_within_the_slice(axis):
    mask = np.zeros(GRID.shape, bool)
    layer = np.moveaxis(mask, axis, 0)[5]
    layer[3:9, 3:9] = True
    layer[5:7, 5:7] = False
    filled = cleaned(whole(mask), CleanUp(fill_holes=True)).full()
    assert filled.sum() == 36
    assert np.array_equal(filled.any(axis=tuple(n for n in range(3) if n != axis)).nonzero()[0], [5])


def test_smoothing_removes_a_spike_and_keeps_the_size():
    mask = ball()
    mask[6, 12, 20:24] = True
    smooth = cleaned(whole(mask), CleanUp(smoothing_mm=2)).full()
    assert not smooth[6, 12, 23]
    assert smooth.sum() == pytest.approx(ball().sum(), rel=0.2)
    assert 2 * (smooth & ball()).sum() / (smooth.sum() + ball().sum()) > 0.9


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_smoothing_is_as_wide_in_mm_along_every_axis(axis):
    grid = VolumeGeometry.from_components((12, 36, 36), (1, 1, 3))
    mask = np.zeros(grid.shape, bool)
    cut = [slice(2, 10), slice(6, 30), slice(6, 30)]  # 24 mm
    cut[axis] = slice(4, 6) if axis == 0 else slice(12, 18)  # 6 mm
    mask[tuple(cut)] = True
    assert cleaned(VolumePatch.whole(mask, grid), CleanUp(smoothing_mm=3.5)).array.size > 0
    assert cleaned(VolumePatch.whole(mask, grid), CleanUp(smoothing_mm=6)).array.size == 0


def test_smoothing_works_within_a_single_slice():
    mask = np.zeros(GRID.shape, bool)
    mask[4, 6:18, 6:18] = True
    mask[4, 12, 18:22] = True
    smooth = cleaned(whole(mask), CleanUp(smoothing_mm=2)).full()
    assert smooth[[3, 5]].sum() == 0
    assert smooth[4, 8:16, 8:16].all()
    assert not smooth[4, 12, 21]


def test_smoothing_at_the_border_of_the_image_does_not_eat_the_mask():
    mask = np.zeros(GRID.shape, bool)
    mask[:, :, :12] = True
    assert np.array_equal(cleaned(whole(mask), CleanUp(smoothing_mm=3)).full(), mask)


@given(st.integers(0, 1000), st.floats(0.3, 5))
@settings(max_examples=30, deadline=None)
def test_a_smoothed_mask_stays_within_the_box_around_the_mask(seed, smoothing):
    mask = ndimage.binary_dilation(np.random.default_rng(seed).random(GRID.shape) > 0.995)
    tight = whole(mask).tight()
    smooth = cleaned(tight, CleanUp(smoothing_mm=smoothing))
    box = np.zeros(GRID.shape, bool)
    box[tight.bounds] = True
    assert not (smooth.full() & ~box).any()


def test_the_result_does_not_depend_on_how_much_empty_space_the_patch_has():
    mask = ball() | ball((2, 4, 4), 3)
    assert np.array_equal(cleaned(whole(mask), ALL).full(), cleaned(whole(mask).tight(), ALL).full())
