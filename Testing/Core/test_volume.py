from __future__ import annotations

import warnings

import numpy as np
import pytest
from fakes.grids import geometries
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.errors import GeometryMismatch, InvalidImage
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.volume import ImageVolume, VolumePatch, combined, nonzero_bounds

GRID = VolumeGeometry.from_components((4, 5, 6), (1, 2, 3))


def image_of(array) -> ImageVolume:
    return ImageVolume(array, VolumeGeometry(np.shape(array), np.eye(4)))


@st.composite
def patches(draw, geometry: VolumeGeometry) -> VolumePatch:
    """Draw a mask patch anywhere in a volume, also an empty one."""
    offset = [draw(st.integers(0, n)) for n in geometry.shape]
    shape = [draw(st.integers(0, n - start)) for n, start in zip(geometry.shape, offset, strict=True)]
    values = np.random.default_rng(draw(st.integers(0, 99))).random(shape) > 0.6
    return VolumePatch(values, tuple(offset), geometry)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 4)), "2 dimensions"),
        (np.zeros((2, 4, 4, 4)), "4 dimensions"),
        (np.zeros((4, 4, 4, 3), np.uint8), "4 dimensions"),
        (np.zeros((0, 4, 4)), "no voxels"),
        (np.zeros((4, 4, 4), complex), "complex128"),
        (np.full((4, 4, 4), "a"), "not real numbers"),
        (np.full((4, 4, 4), np.nan), "no finite voxel"),
        (np.full((4, 4, 4), -np.inf), "no finite voxel"),
    ],
)
def test_what_is_no_scalar_volume_is_refused_by_name(array, words):
    with pytest.raises(InvalidImage, match=words):
        ImageVolume(array, VolumeGeometry((4, 4, 4), np.eye(4)))


def test_voxels_and_geometry_of_different_shape_are_refused_by_name():
    with pytest.raises(GeometryMismatch):
        ImageVolume(np.zeros((4, 5, 7)), GRID)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", np.longdouble])
def test_nan_and_infinite_voxels_are_repaired_aloud_and_the_array_is_left_alone(dtype):
    array = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    array[0, 0, 0], array[0, 0, 1], array[0, 0, 2] = np.nan, np.inf, -np.inf
    array.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = image_of(array)
    assert image.array[0, 0, :4].tolist() == [3, 23, 3, 3]
    assert image.warnings == ("3 voxels were NaN or infinite and were replaced.",)
    assert np.isnan(array[0, 0, 0])
    assert image.canonical().warnings == image.warnings


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, ">i2", np.float32, np.float64])
def test_sound_voxels_are_not_copied(dtype):
    array = np.ones((2, 3, 4), dtype)
    image = image_of(array)
    assert np.shares_memory(image.array, array)
    assert image.warnings == ()


def test_equal_images_have_equal_fingerprints_and_others_do_not():
    rng = np.random.default_rng(0)
    array = rng.integers(0, 9, GRID.shape).astype(np.int16)
    changed = array.copy()
    changed[3, 4, 5] += 1
    moved = np.eye(4)
    moved[0, 3] = 1e-6
    others = [
        ImageVolume(changed, GRID),
        ImageVolume(array, GRID.transformed(moved)),
        ImageVolume(array.astype(np.int32), GRID),
        ImageVolume(array.reshape(5, 4, 6), VolumeGeometry((5, 4, 6), GRID.ijk_to_ras)),
        ImageVolume(array[::-1], GRID),
    ]
    assert ImageVolume(array.copy(), GRID).fingerprint == ImageVolume(np.asfortranarray(array), GRID).fingerprint
    fingerprints = {image.fingerprint for image in [ImageVolume(array, GRID), *others]}
    assert len(fingerprints) == 6


@given(st.data(), geometries())
@settings(max_examples=150, deadline=None)
def test_a_patch_goes_to_the_canonical_volume_and_back(data, geometry):
    patch = data.draw(patches(geometry))
    canonical = patch.canonical()
    assert np.array_equal(canonical.full(), VolumePatch.whole(patch.full(), geometry).canonical().full())
    back = canonical.in_storage_order(geometry)
    assert back.offset == patch.offset
    assert np.array_equal(back.array, patch.array)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_tight_keeps_every_voxel_and_no_empty_border(data):
    patch = data.draw(patches(GRID))
    tight = patch.tight()
    assert np.array_equal(tight.full(), patch.full())
    if not patch.array.any():
        assert tight.array.size == 0
    else:
        bounds = nonzero_bounds(tight.array)
        assert tuple(cut.stop - cut.start for cut in bounds) == tight.array.shape


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_within_is_a_box_of_the_full_volume(data):
    patch = data.draw(patches(GRID))
    bounds = []
    for n in GRID.shape:
        start = data.draw(st.integers(0, n))
        bounds.append(slice(start, data.draw(st.integers(start, n))))
    assert np.array_equal(patch.within(tuple(bounds)), patch.full()[tuple(bounds)])


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_combined_patches_equal_their_whole_volumes_combined(data):
    several = data.draw(st.lists(patches(GRID), min_size=1, max_size=4))
    whole = np.stack([patch.full() for patch in several])
    assert np.array_equal(combined(several, np.add).full(), whole.sum(axis=0))
    assert np.array_equal(combined(several, np.maximum).full(), whole.max(axis=0))


def test_a_patch_knows_its_own_grid():
    patch = VolumePatch(np.ones((2, 2, 2), bool), (1, 2, 3), GRID)
    assert patch.patch_geometry.shape == (2, 2, 2)
    assert np.allclose(patch.patch_geometry.to_ras((0, 0, 0)), GRID.to_ras((3, 2, 1)))
    assert patch.full(fill=1).all()


@pytest.mark.parametrize("offset", [(-1, 0, 0), (0, 0, 5), (3, 0, 0)])
def test_a_patch_that_leaves_its_volume_is_refused_by_name(offset):
    with pytest.raises(GeometryMismatch, match="leaves the volume"):
        VolumePatch(np.ones((2, 2, 2)), offset, GRID)


def test_a_patch_without_depth_is_refused_by_name():
    with pytest.raises(GeometryMismatch, match="three dimensions"):
        VolumePatch(np.ones((2, 2)), (0, 0, 0), GRID)


def test_a_patch_of_another_volume_is_refused_by_name():
    patch = VolumePatch.whole(np.ones(GRID.shape), GRID).canonical()
    with pytest.raises(GeometryMismatch):
        patch.in_storage_order(GRID.transformed(np.diag([1, 1, 1.5, 1])))
