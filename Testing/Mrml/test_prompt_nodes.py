"""Markups, segments and slice views as prompts in the world."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from Host.nodes import (
    SMALL_GRID,
    add_bending_transform,
    add_linear_transform,
    add_points,
    add_segmentation,
    add_volume,
    put_under,
)
from MedSegAICore.errors import InvalidRequest, NonLinearTransform, UnsupportedPrompt
from MedSegAICore.prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, ScribblePrompt
from MedSegAILib.mrml.prompts import (
    RADIUS_ATTRIBUTE,
    boxPrompt,
    pointPrompts,
    promptsFromNode,
    segmentPrompt,
    setPositive,
    slicePlane,
)
from MedSegAILib.mrml.volumes import imageVolume

TURN_AND_STRETCH = np.array([[0, -3, 0, 5], [2, 0, 0, 6], [0, 0, 4, 7], [0, 0, 0, 1.0]])


@pytest.fixture
def stretched(scene):
    return add_linear_transform(TURN_AND_STRETCH)


@pytest.fixture
def geometry(volumeNode):
    return imageVolume(volumeNode).geometry


def add(scene, kind, *positions):
    node = scene.AddNewNodeByClass(f"vtkMRMLMarkups{kind}Node", kind)
    for position in positions:
        node.AddControlPoint(*position)
    return node


def test_points_are_taken_in_the_world(stretched):
    points = add_points([(1, 2, 3)])
    put_under(points, stretched)
    (prompt,) = pointPrompts(points)
    np.testing.assert_allclose(prompt.position_ras, (-1, 8, 19))


def test_points_under_a_bending_transform_lie_where_they_are_shown(scene):
    points = add_points([(1, 2, 3)])
    put_under(points, add_bending_transform())
    shown = [0.0] * 3
    points.GetNthControlPointPositionWorld(0, shown)
    assert np.linalg.norm(np.array(shown) - (1, 2, 3)) > 0.1
    np.testing.assert_allclose(pointPrompts(points)[0].position_ras, shown)


def test_points_of_a_negative_list_are_negative(scene):
    points = add_points([(1, 2, 3), (4, 5, 6)])
    assert [prompt.positive for prompt in pointPrompts(points)] == [True, True]
    setPositive(points, False)
    assert [prompt.positive for prompt in pointPrompts(points)] == [False, False]


def test_points_that_are_not_placed_are_left_out(scene):
    points = add_points([(1, 2, 3), (4, 5, 6)])
    points.SetNthControlPointPositionMissing(0)
    (prompt,) = pointPrompts(points)
    np.testing.assert_allclose(prompt.position_ras, (4, 5, 6))


def test_a_turned_and_stretched_roi_is_an_oriented_box(roi, stretched):
    put_under(roi, stretched)
    box = boxPrompt(roi)
    np.testing.assert_allclose(box.center_ras, (-1, 8, 19))
    np.testing.assert_allclose(box.size_mm, (20, 60, 120))
    np.testing.assert_allclose(box.axes_ras, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)


def test_a_roi_without_depth_is_a_flat_box(roi):
    roi.SetSize(10, 0, 30)
    box = boxPrompt(roi)
    assert box.is_flat
    np.testing.assert_allclose(np.abs(box.plane.normal_ras), (0, 1, 0))
    corners = box.corners_ras()
    np.testing.assert_allclose(corners.min(axis=0), (-4, 2, -12))
    np.testing.assert_allclose(corners.max(axis=0), (6, 2, 18))


def test_a_plane_is_a_flat_box_through_its_shown_corners(scene, stretched):
    plane = scene.AddNewNodeByClass("vtkMRMLMarkupsPlaneNode", "P")
    plane.SetOrigin(1, 2, 3)
    plane.SetSize(10, 20)
    plane.SetNormal(1, 0, 0)
    put_under(plane, stretched)
    corners = vtk.vtkPoints()
    plane.GetPlaneCornerPointsWorld(corners)
    shown = np.array([corners.GetPoint(n) for n in range(4)])
    box = boxPrompt(plane)
    assert box.is_flat
    np.testing.assert_allclose(box.corners_ras().min(axis=0), shown.min(axis=0), atol=1e-9)
    np.testing.assert_allclose(box.corners_ras().max(axis=0), shown.max(axis=0), atol=1e-9)


def test_a_roi_that_is_not_placed_is_refused(scene):
    with pytest.raises(InvalidRequest, match="not placed"):
        boxPrompt(scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "R"))


@pytest.fixture
def roi(scene):
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "R")
    node.SetCenter(1, 2, 3)
    node.SetSize(10, 20, 30)
    return node


def test_a_roi_under_a_shear_is_the_box_that_is_shown(roi):
    put_under(roi, add_linear_transform([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    shown = [0.0] * 3
    roi.GetCenterWorld(shown)
    box = boxPrompt(roi)
    np.testing.assert_allclose(box.center_ras, shown)
    np.testing.assert_allclose(box.axes_ras.T @ box.axes_ras, np.eye(3), atol=1e-6)


def test_a_roi_under_a_bend_is_refused(roi):
    put_under(roi, add_bending_transform())
    with pytest.raises(NonLinearTransform, match="'R'"):
        boxPrompt(roi)


def test_a_curve_is_a_scribble_with_its_pen(scene, stretched, geometry):
    curve = add(scene, "Curve", (0, 0, 0), (10, 0, 0))
    curve.SetAttribute(RADIUS_ATTRIBUTE, "3.5")
    put_under(curve, stretched)
    (scribble,) = promptsFromNode(curve, geometry)
    assert isinstance(scribble, ScribblePrompt)
    assert scribble.radius_mm == 3.5
    np.testing.assert_allclose(scribble.points_ras[[0, -1]], [(5, 6, 7), (5, 26, 7)])


def test_a_closed_curve_is_a_lasso(scene, geometry):
    curve = add(scene, "ClosedCurve", (0, 0, 5), (10, 0, 5), (10, 10, 5), (0, 10, 5))
    setPositive(curve, False)
    (lasso,) = promptsFromNode(curve, geometry)
    assert isinstance(lasso, LassoPrompt)
    assert not lasso.positive
    np.testing.assert_allclose(np.abs(lasso.plane.normal_ras), (0, 0, 1), atol=1e-9)
    assert not np.allclose(lasso.points_ras[0], lasso.points_ras[-1])


def test_a_curve_without_points_is_refused(scene, geometry):
    with pytest.raises(InvalidRequest, match="no points"):
        promptsFromNode(add(scene, "Curve"), geometry)


def test_every_kind_of_node_finds_its_prompt(scene, roi, geometry):
    labels = np.ones(geometry.shape, np.uint8)
    label_map = slicer.util.addVolumeFromArray(labels, ijkToRAS=SMALL_GRID, nodeClassName="vtkMRMLLabelMapVolumeNode")
    kinds = [type(promptsFromNode(node, geometry)[0]) for node in (add_points([(0, 0, 0)]), roi, label_map)]
    assert kinds == [PointPrompt, BoxPrompt, MaskPrompt]
    with pytest.raises(UnsupportedPrompt, match="'Bone'"):
        promptsFromNode(scene.AddNewNodeByClass("vtkMRMLModelNode", "Bone"), geometry)


@pytest.mark.parametrize("under_transform", [False, True])
def test_a_segment_on_another_grid_becomes_a_mask_on_the_grid_of_the_image(scene, geometry, under_transform):
    fine = SMALL_GRID @ np.array([[0.5, 0, 0, -0.25], [0, 0.5, 0, -0.25], [0, 0, 0.5, -0.25], [0, 0, 0, 1]])
    move = np.array([[0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1.0]])
    stored = np.linalg.inv(move) @ fine if under_transform else fine
    reference = add_volume(np.zeros((24, 40, 50), np.int16), stored, "fine")
    segmentation = add_segmentation(reference)
    segmentation.GetSegmentation().AddEmptySegment("s", "s")
    labels = np.zeros((24, 40, 50), np.uint8)
    labels[6:10, 8:16, 12:18] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(labels, segmentation, "s", reference)
    if under_transform:
        put_under(segmentation, add_linear_transform(move))
    expected = np.zeros((12, 20, 25), bool)
    expected[3:5, 4:8, 6:9] = True
    prompt = segmentPrompt(segmentation, "s", geometry)
    np.testing.assert_array_equal(prompt.patch.full(), expected)


def test_a_missing_segment_is_refused_and_an_empty_one_is_an_empty_mask(segmentationNode, geometry):
    with pytest.raises(InvalidRequest, match="'s'"):
        segmentPrompt(segmentationNode, "s", geometry)
    segmentationNode.GetSegmentation().AddEmptySegment("s", "s")
    assert segmentPrompt(segmentationNode, "s", geometry).patch.array.size == 0


def test_a_slice_view_is_a_plane_seen_as_in_the_picture(scene):
    view = scene.AddNewNodeByClass("vtkMRMLSliceNode", "Red")
    view.SetOrientation("Axial")
    plane = slicePlane(view)
    np.testing.assert_allclose(plane.right_ras, (-1, 0, 0))  # the patient's left is on the right
    np.testing.assert_allclose(plane.down_ras, (0, -1, 0))  # and the back is at the bottom


def test_an_oblique_slice_view_keeps_its_turn_and_offset(scene):
    view = scene.AddNewNodeByClass("vtkMRMLSliceNode", "Red")
    normal, right, position = (1, 2, 2), (2, 1, -2), (10, 20, 30)
    view.SetSliceToRASByNTP(*[value / 3 for value in normal], *[value / 3 for value in right], *position, 0)
    plane = slicePlane(view)
    np.testing.assert_allclose(np.abs(plane.normal_ras @ np.array(normal) / 3), 1)
    np.testing.assert_allclose(plane.right_ras, np.array(right) / 3, atol=1e-6)
    np.testing.assert_allclose(plane.distance_mm(position), 0, atol=1e-9)
