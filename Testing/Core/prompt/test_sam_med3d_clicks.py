"""Whatever a person points with becomes points that lie where it points."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.geometry import VolumeGeometry, canonical_geometry
from MedSegAICore.prompt.sam_med3d_clicks import clicks_of, deep_positions
from MedSegAICore.prompt.sam_med3d_lattice import Lattice
from MedSegAICore.prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, ScribblePrompt
from MedSegAICore.volume import VolumePatch

GEOMETRY = canonical_geometry(VolumeGeometry.from_components((40, 60, 50), (1.0, 1.2, 3.0), (4.0, -9.0, 30.0)))
LATTICE = Lattice(GEOMETRY)
LOW, HIGH = np.sort(GEOMETRY.to_ras([[0, 0, 0], [49, 59, 39]]), axis=0)
MIDDLE = (LOW + HIGH) / 2


def world_of(points) -> np.ndarray:
    """Return where points of the lattice lie [mm]: it begins at the right, posterior, inferior corner of the image."""
    return LOW - GEOMETRY.spacing_ijk / 2 + (np.asarray(points) + 0.5) * 1.5


@pytest.mark.parametrize("positive", [True, False])
def test_a_point_becomes_the_nearest_point_of_the_lattice(positive):
    position = MIDDLE + np.array([3.3, -4.2, 7.9])
    (clicks,), warnings = clicks_of((PointPrompt(position, positive),), LATTICE)
    assert np.abs(world_of(clicks.positions) - position).max() <= 0.75
    assert clicks.positive.tolist() == [positive]
    assert warnings == ()


def test_a_box_becomes_its_centre():
    (clicks,), (warning,) = clicks_of((BoxPrompt(MIDDLE, (20, 10, 0)),), LATTICE)
    assert np.abs(world_of(clicks.positions) - MIDDLE).max() <= 0.75
    assert clicks.positive.all()
    assert "box" in warning


def test_a_scribble_becomes_points_along_it_that_are_in_the_image():
    path = MIDDLE + np.array([[-10, 0, 0], [0, 0, 0], [0, 12, 0], [0, 500, 0]])
    (clicks,), (warning,) = clicks_of((ScribblePrompt(path, 2.0, positive=False),), LATTICE)
    world = world_of(clicks.positions)
    assert len(world) == 5
    on_first = (np.abs(world[:, 1] - MIDDLE[1]) <= 0.75) & (world[:, 0] <= MIDDLE[0] + 0.75)
    on_others = (np.abs(world[:, 0] - MIDDLE[0]) <= 0.75) & (world[:, 1] >= MIDDLE[1] - 0.75)
    assert (on_first | on_others).all()
    assert on_first.any()
    assert on_others.any()
    assert not clicks.positive.any()
    assert "scribble" in warning


def test_a_scribble_that_only_grazes_a_fine_image_still_becomes_a_point():
    geometry = canonical_geometry(VolumeGeometry.from_components((9, 9, 9), (0.1, 0.1, 0.1)))
    scribble = ScribblePrompt(np.array([[-0.9, 0.4, 0.4], [0.02, 0.4, 0.4], [0.02, 5.0, 0.4]]))
    (clicks,), _ = clicks_of((scribble,), Lattice(geometry))
    assert clicks.positions.tolist() == [[0, 0, 0]]


def test_a_lasso_becomes_points_deep_inside_it():
    outline = MIDDLE + np.array([[-12, -8, 0], [12, -8, 0], [12, 8, 0], [-12, 8, 0]])
    (clicks,), _ = clicks_of((LassoPrompt(outline),), LATTICE)
    offset = np.abs(world_of(clicks.positions) - MIDDLE)
    assert (offset[:, :2] < [9, 5]).all()
    assert (offset[:, 2] <= 1.5 + 0.75).all()


def test_a_lasso_too_narrow_for_a_pixel_still_becomes_a_point():
    outline = MIDDLE + np.array([[-9, 0.05, 0], [9, 0.05, 0], [9, 0.1, 0]])
    (clicks,), _ = clicks_of((LassoPrompt(outline),), LATTICE)
    assert len(clicks.positions) == 1


def test_a_mask_becomes_points_deep_inside_it_and_comes_first():
    array = np.zeros(GEOMETRY.shape, np.bool_)
    array[10:30, 20:40, 5:45] = True
    mask = MaskPrompt(VolumePatch.whole(array, GEOMETRY))
    (first, second), (warning,) = clicks_of((PointPrompt(MIDDLE), mask), LATTICE)
    assert second.positions.shape == (1, 3)
    assert 1 < len(first.positions) <= 5
    voxels = GEOMETRY.voxels_at(world_of(first.positions))
    assert array[tuple(voxels.T)].all()
    assert (np.abs(voxels[:, 1] - 29.5) < 6).all()
    assert "mask" in warning


def test_a_large_mask_is_thinned_out_and_a_speck_is_not_lost():
    geometry = VolumeGeometry.from_components((160, 160, 160))
    array = np.zeros(geometry.shape, np.bool_)
    array[2:158, 2:158, 2:158] = True
    assert np.abs(deep_positions(VolumePatch.whole(array, geometry))[0] - 79.5).max() < 3
    array[:] = False
    array[1, 1, 1] = array[157, 157, 157] = True
    found = deep_positions(VolumePatch.whole(array, geometry))
    assert sorted(found[:, 0].tolist()) == [1, 157]
