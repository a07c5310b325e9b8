from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.engine.run import Run
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompt.adaptive.region import WorkRegion, block_mean
from MedSegAICore.volume import VolumePatch

SPACING = np.array([2.5, 0.7, 1.0])


def whole(region: WorkRegion, values) -> np.ndarray:
    return region.enlarged(values, tuple(slice(0, size) for size in region.shape), Run())


@st.composite
def regions(draw) -> WorkRegion:
    """Draw a box of a random volume in blocks of any size, often with a remainder."""
    shape = tuple(draw(st.integers(1, 13)) for _ in range(3))
    low, high = (np.array([draw(st.floats(-9, 40)) for _ in range(3)]) for _ in range(2))
    array = np.random.default_rng(draw(st.integers(0, 99))).random(shape).astype(np.float32)
    return WorkRegion.of_volume(
        array, SPACING, np.minimum(low, high), np.maximum(low, high), draw(st.floats(0.5, 6)), Run()
    )


@given(regions())
@settings(max_examples=150, deadline=None)
def test_every_block_centre_lies_in_its_block(region):
    centres = np.stack(np.broadcast_arrays(*region.centres_mm()), axis=-1).reshape(-1, 3)
    blocks = np.argwhere(np.ones(region.array.shape))
    assert np.array_equal(region.blocks_at(centres), blocks)


@given(regions(), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_the_distance_from_blocks_is_that_from_their_centres(region, seed):
    blocks = np.random.default_rng(seed).random(region.array.shape) < 0.3
    blocks[0, 0, 0] = True
    centres = np.stack(np.broadcast_arrays(*region.centres_mm()), axis=-1)
    assert np.allclose(region.distance_from_mm(blocks), region.distance_mm(centres[blocks]))


@given(regions())
@settings(max_examples=150, deadline=None)
def test_every_voxel_lies_in_the_block_that_holds_its_mean(region):
    voxels = np.argwhere(np.ones(region.shape)) + region.offset
    blocks = region.blocks_at(voxels * region.voxel_mm)
    assert np.array_equal(blocks, (voxels - region.offset) // region.factor)
    assert np.all(-(-np.array(region.shape) // region.factor) == region.array.shape)


@given(regions())
@settings(max_examples=100, deadline=None)
def test_enlarged_values_have_the_shape_and_range_of_the_box(region):
    fine = whole(region, region.array)
    assert fine.shape == region.shape
    assert fine.min() >= region.array.min() - 1e-6
    assert fine.max() <= region.array.max() + 1e-6
    assert np.allclose(whole(region, np.full_like(region.array, 0.3)), 0.3)


@given(regions())
@settings(max_examples=100, deadline=None)
def test_a_ramp_enlarged_between_block_centres_is_the_ramp(region):
    centres = np.broadcast_arrays(*region.centres_mm())
    fine = whole(region, np.asarray(centres[1] + 2 * centres[2], dtype=np.float32))
    voxels = np.argwhere(np.ones(region.shape)) + region.offset
    place = voxels * region.voxel_mm
    first, last = (np.array([centre.flat[end] for centre in centres]) for end in (0, -1))
    between = ((place >= first) & (place <= last)).all(axis=1)
    expected = place[:, 1] + 2 * place[:, 2]
    assert np.allclose(fine.ravel()[between], expected[between], atol=1e-3)


def test_block_means_of_a_remainder_repeat_the_border():
    array = np.arange(5, dtype=np.float32).reshape(1, 1, 5)
    assert block_mean(array, (1, 1, 2), Run()).ravel().tolist() == [0.5, 2.5, 4.0]
    assert block_mean(array.astype(np.int8), (1, 1, 1), Run()).dtype == np.float32


@given(regions(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_patch_is_reduced_like_the_image(region, seed):
    shape = np.maximum(np.array(region.offset) + region.shape, 1)
    geometry = VolumeGeometry.from_components(tuple(shape), SPACING[::-1])
    mask = np.random.default_rng(seed).random(geometry.shape).astype(np.float32)
    reduced = region.reduced(VolumePatch.whole(mask, geometry))
    assert np.array_equal(reduced, block_mean(mask[region.bounds], region.factor, Run()))


@given(regions(), st.tuples(*[st.floats(-10, 40)] * 3), st.floats(0.1, 20))
@settings(max_examples=60, deadline=None)
def test_the_window_around_positions_holds_all_blocks_within_reach(region, place, reach):
    position = np.array([place])
    window = region.around(position, reach)
    inside = np.zeros(region.array.shape, bool)
    inside[window] = True
    nearest = region.blocks_at(position)[0]
    assert inside[tuple(nearest)]
    away = np.abs((np.argwhere(~inside) - nearest) * region.block_mm).max(axis=1, initial=0)
    assert (away >= reach - 1e-9).all()


def test_distances_from_one_and_from_many_positions_agree():
    region = WorkRegion.of_volume(np.zeros((6, 9, 9), np.float32), SPACING, np.zeros(3), np.full(3, 9.0), 1.5, Run())
    points = np.array([[3.0, 2.0, 4.0], [9.0, 5.0, 1.0]])
    one_by_one = np.minimum(*(region.distance_mm(point[None]) for point in points))
    assert region.distance_mm(points) == pytest.approx(one_by_one)


@given(regions(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_repeated_block_value_is_that_of_the_voxels_block(region, seed):
    values = np.random.default_rng(seed).random(region.array.shape) < 0.5
    repeated = region.repeated(values, tuple(slice(0, size) for size in region.shape))
    voxels = np.argwhere(np.ones(region.shape)) + region.offset
    expected = values[tuple(region.blocks_at(voxels * region.voxel_mm).T)]
    assert np.array_equal(repeated.ravel(), expected)


def test_the_distance_from_a_border_is_positive_inside():
    region = WorkRegion.of_volume(np.zeros((3, 9, 9), np.float32), SPACING, np.zeros(3), np.full(3, 9.0), 1.0, Run())
    inside = np.zeros(region.array.shape, bool)
    inside[:, :, :4] = True
    distance = region.border_distance_mm(inside)
    assert distance[1, 4] == pytest.approx([4, 3, 2, 1, -1, -2, -3, -4, -5])
    assert (region.border_distance_mm(np.ones_like(inside)) > 1e5).all()
    assert (region.border_distance_mm(np.zeros_like(inside)) < -1e5).all()
