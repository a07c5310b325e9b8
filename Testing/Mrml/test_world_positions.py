"""Prompts and masks meet in the world, however the voxels are stored and whatever transforms lie above them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import slicer
from Host.nodes import add_linear_transform, add_points, add_segmentation, add_volume, put_under, world_voxels
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from MedSegAICore.volume import VolumePatch
from MedSegAILib.mrml.editor import LogicEditor
from MedSegAILib.mrml.prompts import boxPrompt, pointPrompts, segmentPatch
from MedSegAILib.mrml.segments import SegmentWriter
from MedSegAILib.mrml.volumes import imageVolume
from scipy.spatial.transform import Rotation

SHAPE = (6, 9, 7)

AXIS_ORDERS_AND_FLIPS = [
    np.array(np.eye(3)[list(order)]) * flips
    for order in itertools.permutations(range(3))
    for flips in itertools.product((1.0, -1.0), repeat=3)
]
assert len(AXIS_ORDERS_AND_FLIPS) == 48

coordinates = st.floats(-200, 200)
rotations = st.tuples(*[st.floats(-180, 180)] * 3).map(
    lambda angles: Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
)


@st.composite
def grids(draw):
    """Any grid with right angles: one of 48 orders and flips, turned, with any spacing and origin."""
    turn = draw(st.one_of(st.just(np.eye(3)), rotations))
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ draw(st.sampled_from(AXIS_ORDERS_AND_FLIPS))
    matrix[:3, :3] *= draw(st.tuples(*[st.floats(0.2, 8)] * 3))
    matrix[:3, 3] = draw(st.tuples(*[coordinates] * 3))
    return matrix


@st.composite
def movements(draw):
    """Parents that keep right angles: a turn, a scale and a shift."""
    matrix = np.eye(4)
    matrix[:3, :3] = draw(rotations) * draw(st.floats(0.5, 2))
    matrix[:3, 3] = draw(st.tuples(*[coordinates] * 3))
    return matrix


voxel_indices = st.tuples(*[st.integers(0, size - 1) for size in SHAPE])
offsets_in_voxel = st.tuples(*[st.floats(-0.49, 0.49)] * 3)
repeated = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def apply(matrix, point):
    return (matrix @ np.append(point, 1.0))[:3]


def remove_all_nodes(scene, before):
    for index in reversed(range(before, scene.GetNumberOfNodes())):
        scene.RemoveNode(scene.GetNthNode(index))


@repeated
@given(grid=grids(), outer=movements(), inner=movements(), voxel=voxel_indices, offset=offsets_in_voxel)
def test_a_point_on_a_voxel_is_a_prompt_in_that_voxel(scene, grid, outer, inner, voxel, offset):
    before = scene.GetNumberOfNodes()
    volume = add_volume(np.zeros(SHAPE, np.int16), grid)
    put_under(volume, add_linear_transform(inner, parent=add_linear_transform(outer)))
    world = apply(outer @ inner @ grid, np.array(voxel[::-1]) + offset)
    own = np.diag([1.0, 2.0, 3.0, 1.0])  # the points' own parent, unlike the volume's
    points = add_points([apply(np.linalg.inv(own), world)])
    put_under(points, add_linear_transform(own))
    (prompt,) = pointPrompts(points)
    image = imageVolume(volume)
    assert tuple(image.geometry.voxels_at(prompt.position_ras)[0]) == voxel
    remove_all_nodes(scene, before)


@pytest.mark.parametrize("axes", AXIS_ORDERS_AND_FLIPS, ids=lambda axes: "".join(_letters(axes)))
def test_every_axis_order_and_flip_finds_the_same_voxels_for_points_boxes_and_masks(scene, axes):
    grid = np.eye(4)
    grid[:3, :3] = axes * (0.7, 1.1, 2.9)
    grid[:3, 3] = (12.5, -40, 7)
    volume = add_volume(np.zeros(SHAPE, np.int16), grid)
    geometry = imageVolume(volume).geometry
    first, last = np.array((1, 2, 3)), np.array((4, 6, 5))  # (k, j, i) of two corners of a box
    centers = geometry.to_ras([first[::-1], last[::-1]])
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetCenter(*centers.mean(axis=0))
    roi.SetSize(*np.abs(centers[1] - centers[0]))
    voxels = geometry.voxels_at(boxPrompt(roi).corners_ras())
    np.testing.assert_array_equal(voxels.min(axis=0), first)
    np.testing.assert_array_equal(voxels.max(axis=0), last)

    mask = np.zeros(SHAPE, bool)
    mask[1:5, 2:7, 3:6] = True
    segmentation = add_segmentation(volume)
    writer = SegmentWriter(LogicEditor(segmentation, volume))
    segmentId = writer.write(segmentation, VolumePatch.whole(mask, geometry)).segmentId
    np.testing.assert_allclose(np.sort(centers, axis=0), _bounds(world_voxels(segmentation, segmentId)), atol=1e-9)
    np.testing.assert_array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segmentId, volume), mask)


@repeated
@given(grid=grids(), outer=movements(), inner=movements())
def test_a_mask_written_under_the_same_parents_keeps_every_voxel(scene, grid, outer, inner):
    before = scene.GetNumberOfNodes()
    transform = add_linear_transform(inner, parent=add_linear_transform(outer))
    volume = add_volume(np.zeros(SHAPE, np.int16), grid)
    segmentation = add_segmentation(volume)
    put_under(volume, transform)
    put_under(segmentation, transform)
    geometry = imageVolume(volume).geometry
    mask = np.random.default_rng(0).random(SHAPE) > 0.7
    written = SegmentWriter(LogicEditor(segmentation, volume)).write(segmentation, VolumePatch.whole(mask, geometry))
    assert written.warnings == ()
    expected = geometry.to_ras(np.argwhere(mask)[:, ::-1])
    found = world_voxels(segmentation, written.segmentId)
    assert len(found) == len(expected)
    np.testing.assert_allclose(_sorted(found), _sorted(expected), atol=1e-6)
    remove_all_nodes(scene, before)


@repeated
@given(
    turn=rotations,
    spacing=st.tuples(*[st.floats(0.5, 1.5)] * 3),
    parent=movements(),
    shift=st.tuples(*[st.floats(-1, 1)] * 3),
)
@example(turn=np.eye(3), spacing=(1, 1, 1), parent=np.eye(4), shift=(0.5, 0.5, 0.5))
def test_a_mask_on_another_grid_covers_the_same_part_of_the_world(scene, turn, spacing, parent, shift):
    """A ball of 20 mm on a 2 mm image, on a segmentation that is turned, finer and under a transform of its own."""
    before = scene.GetNumberOfNodes()
    image_grid = np.diag([2.0, 2.0, 2.0, 1.0])
    image_grid[:3, 3] = -24
    volume = add_volume(np.zeros((25, 25, 25), np.int16), image_grid)
    world_grid = np.eye(4)
    world_grid[:3, :3] = turn * spacing
    shape = np.ceil(70 / np.array(spacing)).astype(int)
    world_grid[:3, 3] = world_grid[:3, :3] @ (-shape / 2) + shift
    reference = add_volume(np.zeros(shape[::-1], np.int8), np.linalg.inv(parent) @ world_grid, "reference")
    segmentation = add_segmentation(reference)
    put_under(segmentation, add_linear_transform(parent))

    geometry = imageVolume(volume).geometry
    centers = geometry.to_ras(np.indices((25, 25, 25)).reshape(3, -1)[::-1].T)
    ball = (np.linalg.norm(centers, axis=1) <= 20).reshape(25, 25, 25)
    written = SegmentWriter(LogicEditor(segmentation, volume)).write(segmentation, VolumePatch.whole(ball, geometry))
    assert "another grid" in written.warnings[0]
    found = world_voxels(segmentation, written.segmentId)
    volume_mm3 = len(found) * np.prod(spacing)
    assert volume_mm3 == pytest.approx(8 * ball.sum(), rel=0.03)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.1)
    assert np.linalg.norm(found, axis=1).max() <= 20 + 2 * np.sqrt(3) / 2
    back = segmentPatch(segmentation, written.segmentId, geometry).full().astype(bool)
    assert 2 * (back & ball).sum() / (back.sum() + ball.sum()) > 0.95
    remove_all_nodes(scene, before)


@pytest.mark.parametrize("degrees", [0, 30, 90])
def test_a_segmentation_made_by_hand_gets_its_grid_from_a_turned_volume(scene, degrees):
    volume = add_volume(np.zeros((25, 25, 25), np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    turn[:3, 3] = (30, -20, 10)
    put_under(volume, add_linear_transform(turn))
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "By hand")
    geometry = imageVolume(volume).geometry
    mask = np.zeros((25, 25, 25), bool)
    mask[5:20, 5:20, 5:20] = True
    writer = SegmentWriter(LogicEditor(segmentation, volume))
    written = writer.write(segmentation, VolumePatch.whole(mask, geometry))
    back = segmentPatch(segmentation, written.segmentId, geometry).full()
    assert 2 * (back & mask).sum() / (back.sum() + mask.sum()) > 0.97


def test_a_result_beyond_the_grid_of_the_segmentation_is_clipped_and_said(scene):
    small = add_volume(np.zeros((4, 9, 7), np.int16), np.eye(4), "small")
    large = add_volume(np.zeros((8, 9, 7), np.int16), np.eye(4), "large")
    segmentation = add_segmentation(small)
    writer = SegmentWriter(LogicEditor(segmentation, small))
    geometry = imageVolume(large).geometry
    mask = np.zeros((8, 9, 7), bool)
    mask[6:] = True
    written = writer.write(segmentation, VolumePatch.whole(mask, geometry))
    assert written.segmentId is None
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 0
    mask[3:] = True
    written = writer.write(segmentation, VolumePatch.whole(mask, geometry))
    assert "left out" in written.warnings[0]
    assert len(world_voxels(segmentation, written.segmentId)) == 9 * 7


def _bounds(points):
    return np.array([points.min(axis=0), points.max(axis=0)])


def _sorted(points):
    return points[np.lexsort(np.round(points, 3).T)]


def _letters(axes):
    for column in axes.T:
        axis = int(np.abs(column).argmax())
        yield ("RAS" if column[axis] > 0 else "LPI")[axis]
