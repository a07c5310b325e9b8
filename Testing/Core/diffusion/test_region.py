"""The square that a network looks at lies around the prompt, and its masks come back to the voxels they are of."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.diffusion.region import region_of
from MedSegAICore.errors import NoPositivePrompt
from MedSegAICore.prompts import BoxPrompt, PointPrompt, SlicePlane
from MedSegAICore.request import IntensityWindow, SliceScope, VolumeScope
from MedSegAICore.volume import nonzero_bounds

WINDOW = IntensityWindow(20, 200)


@pytest.fixture
def view(ball):
    return ball.canonical()


def box(view, mm: float = 8.0) -> BoxPrompt:
    middle = view.geometry.to_ras([[29.5, 29.5, 4.5]])[0]
    return BoxPrompt.from_corners(middle - mm, middle + mm)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_what_is_seen_comes_back_where_it_was(view, axis):
    scope = VolumeScope(direction=("axial", "coronal", "sagittal")[axis])
    region = region_of(view, (box(view),), scope, 0.25, 96)
    seen = np.stack([picture.pixels for picture in region.pictures(96, WINDOW)])
    back = region.back(seen)
    inside = back.full() >= 0.5
    truth = np.asarray(view.array) > 100
    slices = np.flatnonzero(np.moveaxis(truth, axis, 0).any(axis=(1, 2)))
    assert set(slices) >= {grid.aligned[1] for grid in region.grids} & set(slices)
    dice = 2 * np.count_nonzero(inside & truth) / (inside.sum() + truth.sum())
    assert dice > 0.93


def test_the_square_has_the_pixels_of_the_network_if_the_structure_fits(view):
    region = region_of(view, (box(view, 4.0),), VolumeScope(), 0.7, 32)
    assert region.side_mm == pytest.approx(32 * 0.7)
    np.testing.assert_allclose(region.middle, [29.5, 29.5], atol=0.6)


def test_the_square_grows_with_the_structure(view):
    region = region_of(view, (box(view, 12.0),), VolumeScope(), 0.7, 32)
    assert region.side_mm == pytest.approx(1.6 * 24, rel=0.05)


def test_the_box_is_told_and_a_point_tells_none(view):
    told = region_of(view, (box(view),), VolumeScope(), 0.5, 64).pictures(64, WINDOW)[0].told
    filled = np.argwhere(told > 0)
    assert np.ptp(filled, axis=0) == pytest.approx([16 / 0.5, 16 / 0.5], abs=2.1)
    point = PointPrompt(view.geometry.to_ras([[29, 30, 4]])[0])
    region = region_of(view, (point,), VolumeScope(), 0.5, 64)
    assert len(region.grids) == 1
    assert not region.pictures(64, WINDOW)[0].told.any()


def test_without_a_window_the_darkest_and_brightest_around_are_black_and_white(view):
    region = region_of(view, (box(view),), VolumeScope(), 0.5, 64)
    assert region.window() == WINDOW
    pixels = region.pictures(64, region.window())[len(region.grids) // 2].pixels
    assert pixels.min() == 0
    assert pixels.max() == pytest.approx(1)


def test_a_network_of_whole_slices_sees_the_whole_slice(view):
    region = region_of(view, (box(view),), VolumeScope(), None, 64)
    assert region.side_mm == pytest.approx(60 * 0.7)
    pixels = region.pictures(64, WINDOW)[len(region.grids) // 2].pixels
    assert nonzero_bounds(pixels[None] > 0.5) is not None


def test_slices_without_a_prompt_are_left_out(view):
    region = region_of(view, (box(view),), VolumeScope(), 0.7, 32)
    indices = [grid.aligned[1] for grid in region.grids]
    assert indices == list(range(min(indices), max(indices) + 1))
    assert 0 < len(indices) < 10
    with pytest.raises(NoPositivePrompt):
        region_of(view, (box(view),), SliceScope(SlicePlane.of_slice(view.geometry, 0, 0)), 0.7, 32)
