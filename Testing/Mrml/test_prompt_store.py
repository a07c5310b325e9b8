"""Prompts as markups of a real scene: what goes in comes out, one by one and after saving."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from Host.nodes import add_linear_transform, add_points, put_under
from MedSegAICore.prompts import BoxPrompt, LassoPrompt, PointPrompt, ScribblePrompt, SlicePlane
from MedSegAILib.mrml.prompt_store import PromptStore, removeOrphans
from MedSegAILib.mrml.volumes import volumeGeometry

TURNED = [[0, -1, 0, 5], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1.0]]
SLICE = 5


@pytest.fixture
def segmentId(segmentationNode):
    return segmentationNode.GetSegmentation().AddEmptySegment("liver", "Liver")


@pytest.fixture
def store(segmentationNode, segmentId, volumeNode):
    put_under(volumeNode, add_linear_transform(TURNED))
    return PromptStore(segmentationNode, segmentId, volumeNode)


@pytest.fixture
def at(store, volumeNode):
    """World position of a voxel (i, j) of the slice."""
    return lambda i, j: volumeGeometry(volumeNode).to_ras((i, j, SLICE))[0]


def prompts_of(store, volumeNode):
    return store.prompts(volumeGeometry(volumeNode))


def fill(store, volumeNode, at):
    """Add one prompt of every kind."""
    store.addPoint(at(3, 4))
    store.addFlatBox(SlicePlane.of_slice(volumeGeometry(volumeNode), 0, SLICE), at(2, 2), at(9, 7))
    store.addPoint(at(20, 15), positive=False)
    store.addLasso(np.array([at(2, 2), at(8, 2), at(5, 9)]))
    store.addScribble(np.array([at(10, 3), at(12, 9), at(14, 3)]), 1.5, positive=False)
    store.addRegion(at(5, 5), (4, 5, 6), volumeGeometry(volumeNode).axes_ras)


def test_every_kind_of_prompt_comes_back_in_the_order_in_which_it_was_made(store, volumeNode, at):
    fill(store, volumeNode, at)

    first, box, outside, lasso, scribble, region = prompts_of(store, volumeNode)

    np.testing.assert_allclose(first.position_ras, at(3, 4))
    np.testing.assert_allclose(box.size_mm, (7 * 0.7, 5 * 0.9, 0))
    np.testing.assert_allclose(box.center_ras, (at(2, 2) + at(9, 7)) / 2)
    assert isinstance(outside, PointPrompt)
    assert (first.positive, outside.positive, lasso.positive, scribble.positive) == (True, False, True, False)
    assert isinstance(lasso, LassoPrompt)
    np.testing.assert_allclose(lasso.points_ras, [at(2, 2), at(8, 2), at(5, 9)], atol=1e-4)
    assert isinstance(scribble, ScribblePrompt)
    assert scribble.radius_mm == 1.5
    np.testing.assert_allclose(region.size_mm, (4, 5, 6))
    np.testing.assert_allclose(region.axes_ras, volumeGeometry(volumeNode).axes_ras, atol=1e-12)


def test_the_newest_prompt_goes_first(store, volumeNode, at):
    fill(store, volumeNode, at)
    kept = [type(prompt) for prompt in prompts_of(store, volumeNode)]
    while kept:
        assert [type(prompt) for prompt in prompts_of(store, volumeNode)] == kept
        store.removeLast()
        kept.pop()
    store.removeLast()
    assert store.count == 0


def test_clear_leaves_other_markups_and_other_segments_alone(store, segmentationNode, volumeNode, at, scene):
    own = add_points([(1, 2, 3)], "mine")
    otherId = segmentationNode.GetSegmentation().AddEmptySegment("spleen", "Spleen")
    other = PromptStore(segmentationNode, otherId, volumeNode)
    other.addPoint(at(1, 1))
    fill(store, volumeNode, at)

    store.clear()

    assert store.nodes() == []
    assert other.count == 1
    assert scene.IsNodePresent(own)


def test_a_dragged_point_is_a_prompt_where_it_lies_now(store, volumeNode, at):
    store.addPoint(at(3, 4))
    (node,) = store.nodes()

    node.SetNthControlPointPositionWorld(0, at(7, 8))

    np.testing.assert_allclose(prompts_of(store, volumeNode)[0].position_ras, at(7, 8))
    assert store.pointNear(lambda ras: np.linalg.norm(ras - at(7, 8)) < 1)
    assert not store.pointNear(lambda ras: np.linalg.norm(ras - at(3, 4)) < 1)


def test_prompts_move_with_the_volume(store, volumeNode, at):
    store.addPoint(at(3, 4))
    before = at(3, 4)

    moved = np.array(TURNED)
    moved[2, 3] += 40
    slicer.util.updateTransformMatrixFromArray(volumeNode.GetParentTransformNode(), moved)

    np.testing.assert_allclose(prompts_of(store, volumeNode)[0].position_ras, before + np.array((0, 0, 40)))


def test_points_that_are_not_placed_yet_are_no_prompts(store, volumeNode, at):
    store.addPoint(at(3, 4))
    (node,) = store.nodes()
    node.AddControlPoint(0, 0, 0)
    node.UnsetNthControlPointPosition(1)
    store.addPoint(at(5, 6))

    np.testing.assert_allclose([prompt.position_ras for prompt in prompts_of(store, volumeNode)], [at(3, 4), at(5, 6)])


def test_prompts_are_hidden_and_shown_together(store, volumeNode, at):
    fill(store, volumeNode, at)
    store.setVisible(False)
    assert not any(node.GetDisplayVisibility() for node in store.nodes())
    store.setVisible(True)
    assert all(node.GetDisplayVisibility() for node in store.nodes())


def test_prompts_go_with_their_segmentation_and_no_other_markups_do(store, segmentationNode, at, scene):
    own = add_points([(1, 2, 3)], "mine")
    store.addPoint(at(3, 4))
    removeOrphans(scene)
    assert store.count == 1

    scene.RemoveNode(segmentationNode)
    removeOrphans(scene)

    assert slicer.util.getNodesByClass("vtkMRMLMarkupsNode") == [own]


def test_a_saved_scene_brings_every_prompt_back(store, segmentationNode, volumeNode, at, scene, tmp_path):
    fill(store, volumeNode, at)
    before = prompts_of(store, volumeNode)
    bundle = str(tmp_path / "scene.mrb")
    assert scene.WriteToMRB(bundle)
    scene.Clear(0)

    assert scene.ReadFromMRB(bundle)
    volume = slicer.util.getNode(volumeNode.GetName())
    segmentation = slicer.util.getNode(segmentationNode.GetName())
    after = PromptStore(segmentation, "liver", volume).prompts(volumeGeometry(volume))

    assert [type(prompt) for prompt in after] == [type(prompt) for prompt in before]
    assert [prompt.positive for prompt in after] == [prompt.positive for prompt in before]
    np.testing.assert_allclose(after[0].position_ras, before[0].position_ras, atol=1e-3)
    np.testing.assert_allclose(after[3].points_ras, before[3].points_ras, atol=1e-3)
    assert isinstance(after[1], BoxPrompt)
    np.testing.assert_allclose(after[1].corners_ras(), before[1].corners_ras(), atol=1e-3)
    np.testing.assert_allclose(after[5].corners_ras(), before[5].corners_ras(), atol=1e-3)
    assert after[4].radius_mm == 1.5
