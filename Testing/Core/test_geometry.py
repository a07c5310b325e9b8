from __future__ import annotations

import numpy as np
import pytest
from fakes.grids import ORDERS_AND_FLIPS, geometries, stored_as
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.errors import GeometryMismatch, ShearedGeometry
from MedSegAICore.geometry import VolumeGeometry, as_points, canonical_geometry, canonical_view, from_canonical
from scipy.spatial.transform import Rotation

OBLIQUE = Rotation.from_euler("xyz", (12, -20, 31), degrees=True).as_matrix()


def world_box_voxels(geometry: VolumeGeometry, low, high) -> np.ndarray:
    """Tell for each voxel (k, j, i) whether its centre lies in a box of the world."""
    kji = np.argwhere(np.ones(geometry.shape, dtype=bool))
    ras = geometry.to_ras(kji[:, ::-1])
    return ((ras >= low) & (ras <= high)).all(axis=1).reshape(geometry.shape)


@pytest.mark.parametrize(("order", "flips"), ORDERS_AND_FLIPS)
def test_a_world_point_lands_in_its_voxel_in_every_storage_order(order, flips):
    first = VolumeGeometry.from_components((5, 6, 7), (0.7, 1.1, 3.0), (-30, 12, 5), OBLIQUE)
    array = np.arange(210).reshape(5, 6, 7)
    stored, geometry = stored_as(array, first, order, flips)
    within = np.random.default_rng(0).uniform(-0.49, 0.49, (210, 3))
    points = first.to_ras(np.argwhere(array >= 0)[:, ::-1] + within)
    assert geometry.contains(points).all()
    assert (stored[tuple(geometry.voxels_at(points).T)] == np.arange(210)).all()


@given(geometries(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_voxels_to_world_and_back_is_the_identity(geometry, random):
    kji = np.array([[random.randrange(n) for n in geometry.shape] for _ in range(5)])
    within = np.array([[random.uniform(-0.49, 0.49) for _ in range(3)] for _ in range(5)])
    ras = geometry.to_ras(kji[:, ::-1] + within)
    assert (geometry.voxels_at(ras) == kji).all()
    assert geometry.contains(ras).all()
    assert np.allclose(geometry.to_ijk(ras), kji[:, ::-1] + within, atol=1e-9)


@given(geometries())
@settings(max_examples=100, deadline=None)
def test_the_components_of_a_geometry_build_it_again(geometry):
    origin = geometry.ijk_to_ras[:3, 3]
    again = VolumeGeometry.from_components(geometry.shape, geometry.spacing_ijk, origin, geometry.axes_ras)
    assert np.allclose(again.ijk_to_ras, geometry.ijk_to_ras)
    assert again.matches(geometry)
    assert VolumeGeometry.from_dict(geometry.to_dict()).ijk_to_ras.tobytes() == geometry.ijk_to_ras.tobytes()


@given(geometries())
@settings(max_examples=200, deadline=None)
def test_the_canonical_view_undone_is_the_array(geometry):
    array = np.arange(np.prod(geometry.shape)).reshape(geometry.shape)
    assert np.array_equal(from_canonical(canonical_view(array, geometry), geometry), array)


@given(geometries())
@settings(max_examples=200, deadline=None)
def test_every_voxel_of_the_canonical_view_stays_where_it_was(geometry):
    view = canonical_view(np.arange(np.prod(geometry.shape)).reshape(geometry.shape), geometry)
    canonical = canonical_geometry(geometry)
    here = canonical.to_ras(np.argwhere(view >= 0)[:, ::-1])
    there = geometry.to_ras(np.argwhere(np.ones(geometry.shape))[:, ::-1])
    assert np.allclose(here, there[view.ravel()], atol=1e-8)


@given(geometries())
@settings(max_examples=100, deadline=None)
def test_the_canonical_axes_run_towards_superior_posterior_left(geometry):
    canonical = canonical_geometry(geometry)
    likeness = canonical.axes_ras[:, ::-1] * np.array([[0, 0, -1], [0, -1, 0], [1, 0, 0]])
    assert likeness.min() >= 0
    assert likeness.sum() > 1.5  # the best that any order of the axes reaches is larger


@pytest.mark.parametrize("axes", [np.eye(3), OBLIQUE], ids=["straight", "oblique"])
def test_storage_orders_of_one_volume_have_one_canonical_view(axes):
    first = VolumeGeometry.from_components((3, 4, 5), (0.75, 1.5, 3.0), (-30, 12, 5), axes)
    array = np.arange(60).reshape(3, 4, 5)
    reference, place = canonical_view(array, first), canonical_geometry(first)
    for order, flips in ORDERS_AND_FLIPS:
        stored, geometry = stored_as(array, first, order, flips)
        assert np.array_equal(canonical_view(stored, geometry), reference)
        assert canonical_geometry(geometry).matches(place)


HALFWAY = {
    "about the long axis": Rotation.from_euler("z", 45, degrees=True).as_matrix(),
    "about a side axis": Rotation.from_euler("x", -45, degrees=True).as_matrix(),
    "about two axes": Rotation.from_euler("xz", [45, 45], degrees=True).as_matrix(),
    "about the diagonal": Rotation.from_rotvec(np.pi / 3 * np.ones(3) / np.sqrt(3)).as_matrix(),
}
"""Grids with an axis that is as near to one direction as to another."""


@pytest.mark.parametrize("axes", HALFWAY.values(), ids=HALFWAY)
@pytest.mark.parametrize("noise", [0, 1e-15, 1e-7], ids=["exact", "rounded", "in float32"])
def test_a_grid_halfway_between_directions_has_one_canonical_view_in_every_storage_order(axes, noise):
    random = np.random.default_rng(0)
    first = VolumeGeometry.from_components((2, 3, 4), (0.7, 0.7, 3), axes_ras=axes)
    array = np.arange(24).reshape(first.shape)
    reference = canonical_view(array, first)
    for order, flips in ORDERS_AND_FLIPS:
        stored, geometry = stored_as(array, first, order, flips)
        moved = np.array(geometry.ijk_to_ras)
        moved[:3, :3] += noise * random.choice([-1, 1], (3, 3))
        assert np.array_equal(canonical_view(stored, VolumeGeometry(geometry.shape, moved)), reference)


@given(geometries(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_crop_keeps_its_voxels_in_place(geometry, data):
    offset = tuple(data.draw(st.integers(0, n - 1)) for n in geometry.shape)
    shape = tuple(data.draw(st.integers(0, n - start)) for n, start in zip(geometry.shape, offset, strict=True))
    crop = geometry.crop(offset, shape)
    assert crop.shape == shape
    assert np.allclose(
        crop.to_ras([[0, 0, 0], [2, 3, 4]]), geometry.to_ras(np.array([[0, 0, 0], [2, 3, 4]]) + offset[::-1])
    )


def test_a_face_between_two_voxels_belongs_to_the_higher_one():
    geometry = VolumeGeometry.from_components((4, 4, 4), (0.1, 0.1, 0.1), (0.3, 0.3, 0.3))
    for index in range(4):
        face = 0.3 + 0.1 * index - 0.05
        assert geometry.voxels_at((face, 0.3, 0.3))[0, 2] == index


def test_points_far_away_are_outside_without_a_warning():
    geometry = VolumeGeometry((4, 4, 4), np.eye(4))
    assert not geometry.contains([(1e300, 0, 0), (0, -1e25, 0), (-0.6, 0, 0), (0, 0, 3.6)]).any()


@pytest.mark.parametrize("cosine", [0.01, -0.3])
def test_shear_is_refused_by_name(cosine):
    matrix = np.eye(4)
    matrix[0, 1] = cosine
    with pytest.raises(ShearedGeometry, match="sheared"):
        VolumeGeometry((4, 4, 4), matrix)


def test_shear_from_a_transform_is_refused_by_name():
    turned = VolumeGeometry.from_components((4, 4, 4), (1, 1, 3), axes_ras=OBLIQUE)
    with pytest.raises(ShearedGeometry):
        turned.transformed(np.diag([1, 2, 1, 1]))


def test_rounding_errors_of_a_header_are_no_shear():
    matrix = np.eye(4)
    matrix[:3, :3] = (OBLIQUE * (0.7, 0.7, 5)).astype(np.float16)
    assert VolumeGeometry((4, 4, 4), matrix).spacing_ijk == pytest.approx((0.7, 0.7, 5), rel=1e-3)


@pytest.mark.parametrize(
    "matrix",
    [np.full((4, 4), np.nan), np.diag([1, 1, 0, 1]), np.eye(3), np.diag([1, np.inf, 1, 1]), np.diag([1, 1, 1e-12, 1])],
)
def test_a_matrix_that_is_no_grid_is_refused_by_name(matrix):
    with pytest.raises(GeometryMismatch):
        VolumeGeometry((4, 4, 4), matrix)


@given(geometries(), st.integers(0, 2), st.floats(0.01, 3.0))
@settings(max_examples=100, deadline=None)
def test_a_moved_grid_does_not_match(geometry, axis, voxels):
    shift = np.eye(4)
    shift[:3, 3] = geometry.axes_ras[:, axis] * geometry.spacing_ijk[axis] * voxels
    assert geometry.matches(geometry)
    assert not geometry.matches(geometry.transformed(shift))
    assert not geometry.matches(VolumeGeometry((*geometry.shape[:2], geometry.shape[2] + 1), geometry.ijk_to_ras))


def test_matching_grids_may_differ_by_rounding_errors():
    geometry = VolumeGeometry.from_components((300, 512, 512), (0.7, 0.7, 1.0), (-180, -180, 900), OBLIQUE)
    rounded = VolumeGeometry(geometry.shape, geometry.ijk_to_ras.astype(np.float32))
    assert geometry.matches(rounded, tolerance_voxels=1e-2)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 5), (5, 1, 1)])
def test_a_thin_grid_that_is_turned_does_not_match(shape):
    geometry = VolumeGeometry(shape, np.eye(4))
    turned = np.eye(4)
    turned[:3, :3] = OBLIQUE
    assert not geometry.matches(geometry.transformed(turned))


def test_a_geometry_keeps_no_array_of_its_caller():
    matrix = np.eye(4)
    geometry = VolumeGeometry((2, 2, 2), matrix)
    matrix[0, 3] = 99
    assert geometry.to_ras((0, 0, 0))[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        geometry.ijk_to_ras[0, 3] = 1


@pytest.mark.parametrize("points", [(1, 2), np.zeros((2, 2)), np.zeros((2, 3, 3))])
def test_points_without_three_coordinates_are_refused_by_name(points):
    with pytest.raises(GeometryMismatch, match=r"\(n, 3\)"):
        as_points(points)


@pytest.mark.parametrize(("order", "flips"), ORDERS_AND_FLIPS[::5])
def test_the_same_world_box_is_found_in_every_storage_order(order, flips):
    first = VolumeGeometry.from_components((6, 7, 8), (0.8, 1.2, 2.5), (3, -9, 40), OBLIQUE)
    low, high = (0.0, -8.0, 41.0), (6.0, -2.0, 50.0)
    box = world_box_voxels(first, low, high)
    assert box.any()
    stored, geometry = stored_as(box, first, order, flips)
    assert np.array_equal(stored, world_box_voxels(geometry, low, high))
