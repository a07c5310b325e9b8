from __future__ import annotations

import numpy as np
import pytest
from fakes.grids import ORDERS_AND_FLIPS, geometries, image_stored_as
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from MedSegAICore.errors import PromptOutsideImage
from MedSegAICore.geometry import VolumeGeometry, canonical_geometry
from MedSegAICore.prompt.grid import ALONG, cut_image, grid_of_plane, grid_of_slice
from MedSegAICore.prompts import SlicePlane
from MedSegAICore.volume import ImageVolume, VolumePatch
from scipy import ndimage
from scipy.spatial.transform import Rotation

canonical_geometries = geometries().map(canonical_geometry)
thick_geometries = geometries(shapes=st.tuples(*[st.integers(3, 9)] * 3)).map(canonical_geometry)
normals = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1)


def numbered(geometry: VolumeGeometry) -> np.ndarray:
    return np.arange(1, np.prod(geometry.shape) + 1, dtype=np.int32).reshape(geometry.shape)


def center_of(geometry: VolumeGeometry) -> np.ndarray:
    return geometry.to_ras((np.array(geometry.shape[::-1]) - 1) / 2)[0]


def plane_through(point, normal) -> SlicePlane:
    normal = np.asarray(normal) / np.linalg.norm(normal)
    right = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    return SlicePlane(point, right, np.cross(normal, right))


@st.composite
def oblique_grids(draw):
    """Draw a slice through the middle of a volume that is none of the volume's own."""
    geometry = draw(thick_geometries)
    grid = grid_of_plane(geometry, plane_through(center_of(geometry), draw(normals)))
    assume(grid.aligned is None)
    return grid


@given(canonical_geometries, st.data())
@settings(max_examples=150, deadline=None)
def test_a_slice_that_is_cut_and_pasted_is_the_slice(geometry, data):
    axis = data.draw(st.integers(0, 2))
    index = data.draw(st.integers(0, geometry.shape[axis] - 1))
    grid = grid_of_slice(geometry, axis, index)
    volume = numbered(geometry)
    picture = grid.cut(volume)
    assert picture.shape == grid.shape
    patch = grid.paste(picture)
    expected = np.zeros_like(volume)
    expected.swapaxes(0, axis)[index] = volume.swapaxes(0, axis)[index]
    assert np.array_equal(patch.full(), expected)
    assert np.array_equal(grid.cut_patch(patch), picture)


@given(canonical_geometries, st.data())
@settings(max_examples=150, deadline=None)
def test_every_pixel_of_a_slice_lies_on_its_voxel(geometry, data):
    axis = data.draw(st.integers(0, 2))
    grid = grid_of_slice(geometry, axis, data.draw(st.integers(0, geometry.shape[axis] - 1)))
    picture = grid.cut(numbered(geometry))
    voxels = np.array(np.unravel_index(picture.ravel() - 1, geometry.shape)).T
    rows, columns = np.indices(grid.shape).reshape(2, -1)
    ras = geometry.to_ras(voxels[:, ::-1])
    assert np.allclose(grid.pixels_of(ras), np.stack([columns, rows], axis=1), atol=1e-7)
    assert grid.on_slice(ras).all()
    assert np.allclose(grid.plane.distance_mm(ras), 0, atol=1e-7)


@given(canonical_geometries, st.data())
@settings(max_examples=100, deadline=None)
def test_the_plane_of_a_slice_is_that_slice_again(geometry, data):
    axis = data.draw(st.integers(0, 2))
    index = data.draw(st.integers(0, geometry.shape[axis] - 1))
    moved = index + data.draw(st.floats(-0.45, 0.45))
    if min(n for other, n in enumerate(geometry.shape) if other != axis) > 1 or geometry.shape[axis] == 1:
        assert grid_of_plane(geometry, SlicePlane.of_slice(geometry, axis, moved)).aligned == (axis, index)


def test_a_plane_that_is_almost_a_slice_is_the_slice():
    geometry = VolumeGeometry.from_components((20, 100, 100), (1, 1, 3))
    tilt = np.array((0, 1, 1.4 / 99))  # 0.47 slices over the whole image
    assert grid_of_plane(
        geometry, SlicePlane(center_of(geometry) + np.array((0, 0, 0.4)), (1, 0, 0), tilt)
    ).aligned == (0, 10)
    assert grid_of_plane(geometry, SlicePlane(center_of(geometry), (1, 0, 0), tilt * (1, 1, 3))).aligned is None


@pytest.mark.parametrize(("order", "flips"), ORDERS_AND_FLIPS[::5])
@pytest.mark.parametrize("direction", ALONG)
def test_pictures_are_upright_however_the_voxels_are_stored(direction, order, flips):
    geometry = VolumeGeometry.from_components((4, 5, 6), (1, 2, 3), (4, 5, 6))
    image = image_stored_as(ImageVolume(numbered(geometry), geometry), order, flips).canonical()
    grid = grid_of_slice(image.geometry, ALONG[direction], 1)
    right_of_picture, down = grid.steps_ras[:, 1], grid.steps_ras[:, 0]
    names = {
        "axial": ((-1, 0, 0), (0, -1, 0)),
        "coronal": ((-1, 0, 0), (0, 0, -1)),
        "sagittal": ((0, -1, 0), (0, 0, -1)),
    }
    assert np.dot(right_of_picture, names[direction][0]) > 0.9
    assert np.dot(down, names[direction][1]) > 0.9
    reference = ImageVolume(numbered(geometry), geometry).canonical()
    assert np.array_equal(
        cut_image(image, grid), cut_image(reference, grid_of_slice(reference.geometry, grid.aligned[0], 1))
    )


@given(oblique_grids(), st.tuples(*[st.floats(-5, 5)] * 4))
@settings(max_examples=100, deadline=None)
def test_an_oblique_cut_of_a_ramp_is_the_ramp(grid, ramp):
    geometry = grid.geometry
    voxels = geometry.to_ras(np.argwhere(np.ones(geometry.shape))[:, ::-1])
    scale = np.abs(voxels @ ramp[:3]).max() + 1
    volume = ((voxels @ ramp[:3] + ramp[3]) / scale).reshape(geometry.shape)
    picture = grid.cut(volume, outside=np.nan)
    rows, columns = np.indices(grid.shape).reshape(2, -1)
    ras = grid.origin_ras + np.stack([rows, columns], axis=1) @ grid.steps_ras.T
    expected = ((ras @ ramp[:3] + ramp[3]) / scale).reshape(grid.shape)
    kji = geometry.to_ijk(ras)[:, ::-1]
    inside = ((kji >= 0) & (kji <= np.array(geometry.shape) - 1)).all(axis=1).reshape(grid.shape)
    assert np.allclose(picture[inside], expected[inside], atol=1e-5)
    surely_outside = ((kji < -0.51) | (kji > np.array(geometry.shape) - 0.49)).any(axis=1).reshape(grid.shape)
    assert np.isnan(picture[surely_outside]).all()


@given(oblique_grids())
@settings(max_examples=100, deadline=None)
def test_an_oblique_slice_marks_every_voxel_that_the_plane_passes_through(grid):
    marked = grid.paste(np.ones(grid.shape, dtype=bool)).full()
    assert marked.any()
    ras = grid.geometry.to_ras(np.argwhere(np.ones(marked.shape))[:, ::-1])
    assert np.array_equal(marked, grid.on_slice(ras).reshape(marked.shape))


@pytest.mark.parametrize("normal", [(1, 1, 0), (0, 1, -1), (1, 0, 1), (1, 1, 1), (-1, 1, 1)])
@pytest.mark.parametrize("nudge", [-1e-15, 0, 1e-15])
def test_at_exactly_45_degrees_rounding_decides_nothing(normal, nudge):
    geometry = VolumeGeometry((9, 9, 9), np.eye(4))
    grid = grid_of_plane(geometry, plane_through(center_of(geometry), np.add(normal, (nudge, 0, -nudge))))
    marked = np.argwhere(grid.paste(np.ones(grid.shape, dtype=bool)).full())
    distance = (marked[:, ::-1] - 4) @ normal
    assert set(np.abs(distance)) == set(range(np.abs(normal).sum() // 2 + 1))


def test_an_oblique_slice_through_thick_slices_leaves_no_gaps():
    geometry = VolumeGeometry.from_components((12, 60, 60), (0.7, 0.7, 5))
    grid = grid_of_plane(geometry, SlicePlane(center_of(geometry), (0, 1, 0), (0.6, 0, 0.8)))
    patch = grid.paste(np.ones(grid.shape, bool))
    assert ndimage.label(patch.full(), np.ones((3, 3, 3)))[1] == 1
    shown = grid.cut_patch(patch)
    assert shown[1:-1, 1:-1].all()


@given(oblique_grids(), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_an_oblique_pixel_lands_at_its_place_in_the_world(grid, seed):
    row, column = (int(np.random.default_rng((seed, n)).integers(size)) for n, size in enumerate(grid.shape))
    picture = np.zeros(grid.shape, dtype=np.float32)
    picture[row, column] = 1
    voxels = np.argwhere(grid.paste(picture).full())
    ras = grid.geometry.to_ras(voxels[:, ::-1].reshape(-1, 3))
    nearest = grid.pixels_of(ras).clip(0, np.array(grid.shape[::-1]) - 1)
    assert np.all(np.abs(nearest - (column, row)) <= 0.5 + 1e-6)


def test_an_oblique_picture_has_the_finest_spacing_and_covers_the_section():
    geometry = VolumeGeometry.from_components((10, 30, 30), (0.7, 0.9, 3))
    grid = grid_of_plane(geometry, SlicePlane(center_of(geometry), (1, 0, 0), (0, 0.8, 0.6)))
    assert grid.spacing_mm == pytest.approx((0.7, 0.7))
    assert grid.cut(np.ones(geometry.shape)).mean() > 0.95
    covered = grid.paste(np.ones(grid.shape, bool)).full().any(axis=0)
    assert covered[:, 1:-1].any(axis=0).all()


@pytest.mark.parametrize("normal", [(0, 0, 1), (1, 0, 0), (0.2, -0.4, 1), (1, 1, 1)])
def test_a_plane_beside_the_image_is_refused_by_name(normal):
    geometry = VolumeGeometry.from_components((5, 8, 9), (1, 1, 2), (10, 10, 10))
    with pytest.raises(PromptOutsideImage, match="does not meet"):
        grid_of_plane(geometry, plane_through((-30, -30, -30), normal))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 9), (9, 1, 9), (9, 9, 1), (1, 1, 9)])
@given(normal=normals)
@settings(max_examples=40, deadline=None)
def test_a_plane_through_a_thin_volume_meets_it(shape, normal):
    geometry = canonical_geometry(VolumeGeometry.from_components(shape, (1, 1.5, 2)))
    grid = grid_of_plane(geometry, plane_through(center_of(geometry), normal))
    picture = grid.cut(numbered(geometry).astype(float))
    assert picture.max() > 0
    assert grid.paste(picture).full().any()


@given(thick_geometries, normals, st.tuples(*[st.floats(-0.1, 1.1)] * 3))
@settings(max_examples=200, deadline=None)
def test_any_plane_near_the_image_is_shown_or_refused_by_name(geometry, normal, place):
    point = geometry.to_ras(np.array(place) * (np.array(geometry.shape[::-1]) - 1))[0]
    try:
        grid = grid_of_plane(geometry, plane_through(point, normal))
    except PromptOutsideImage:
        return
    patch = grid.paste(np.ones(grid.shape, bool))
    assert np.array_equal(grid.cut_patch(patch).shape, grid.shape)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, ">i2", np.float16, np.float32, np.longdouble])
def test_an_oblique_cut_knows_every_type_of_voxel(dtype):
    geometry = VolumeGeometry.from_components((6, 8, 9), (1, 1, 2))
    image = ImageVolume(np.ones(geometry.shape, dtype), geometry).canonical()
    grid = grid_of_plane(image.geometry, SlicePlane(center_of(geometry), (1, 0, 0), (0, 1, 0.7)))
    picture = cut_image(image, grid)
    assert picture.dtype == np.float32
    assert (picture == 1).all()


def test_beyond_an_oblique_image_lies_its_lowest_value():
    geometry = VolumeGeometry((20, 20, 20), np.eye(4))
    image = ImageVolume(np.random.default_rng(0).integers(-900, 0, geometry.shape), geometry)
    grid = grid_of_plane(geometry, plane_through(center_of(geometry), (1, 1, 1)))
    assert cut_image(image, grid)[0, 0] == image.array.min()


def test_a_slice_has_its_own_key():
    geometry = VolumeGeometry((5, 5, 5), np.eye(4))
    grids = [grid_of_slice(geometry, axis, index) for axis in range(3) for index in range(5)]
    grids += [grid_of_plane(geometry, plane_through(center_of(geometry), (1, 1, n))) for n in (0.6, 0.61)]
    assert len({grid.key for grid in grids}) == 17
    again = grid_of_plane(geometry, plane_through(center_of(geometry), (1, 1, 0.6)))
    assert again.key == grids[-2].key


@given(oblique_grids() | st.builds(lambda g: grid_of_slice(g, 1, 0), canonical_geometries))
@settings(max_examples=60, deadline=None)
def test_the_layer_of_a_grid_holds_its_pixels(grid):
    layer = grid.layer
    assert layer.shape == (1, *grid.shape)
    ras = layer.to_ras([[0, 0, 0], [2, 5, 0]])
    assert np.allclose(grid.pixels_of(ras), [[0, 0], [2, 5]], atol=1e-6)
    assert np.allclose(grid.plane.distance_mm(ras), 0, atol=1e-6)


def test_the_thickness_of_a_slice_is_what_its_voxels_reach():
    turned = Rotation.from_euler("z", 30, degrees=True).as_matrix()
    geometry = VolumeGeometry.from_components((5, 9, 9), (1, 2, 3), axes_ras=turned)
    assert grid_of_slice(geometry, 0, 2).half_thickness_mm == pytest.approx(1.5)
    assert grid_of_slice(geometry, 1, 2).half_thickness_mm == pytest.approx(1)
    oblique = grid_of_plane(geometry, plane_through(center_of(geometry), geometry.axes_ras @ (0, 0.6, 0.8)))
    assert oblique.half_thickness_mm == pytest.approx((0.6 * 2 + 0.8 * 3) / 2)


def test_a_patch_is_cut_by_a_slice_beside_it():
    geometry = VolumeGeometry((6, 6, 6), np.eye(4))
    patch = VolumePatch(np.ones((2, 2, 2), bool), (1, 1, 1), geometry)
    assert grid_of_slice(geometry, 0, 1).cut_patch(patch).sum() == 4
    assert grid_of_slice(geometry, 0, 4).cut_patch(patch).sum() == 0
    oblique = grid_of_plane(geometry, plane_through((1.5, 1.5, 1.5), (1, 1, 1)))
    assert oblique.cut_patch(patch).sum() > 0
