"""Segmenting volume nodes in a few lines."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer
import vtk
from Host.nodes import (
    SMALL_GRID,
    add_bending_transform,
    add_linear_transform,
    add_points,
    add_volume,
    put_under,
    segment_array,
    world_voxels,
)
from MedSegAICore.engine.engine import Engine
from MedSegAICore.errors import Cancelled, InvalidImage, NonLinearTransform, NoPositivePrompt, PromptOutsideImage
from MedSegAICore.prompts import BoxPrompt, PointPrompt
from MedSegAICore.recipe import Recipe, recipes_from_json
from MedSegAICore.request import CleanUp, PromptTask, SegmentationRequest, SliceScope, VolumeScope
from MedSegAICore.segmentation_file import RECIPE_TAG
from MedSegAILib.mrml.console import addSegmentation, segment
from MedSegAILib.mrml.editor import LogicEditor
from MedSegAILib.mrml.prompts import setPositive, slicePlane
from MedSegAILib.mrml.volumes import imageVolume

CENTER_KJI = (6, 20, 22)
CENTER = (SMALL_GRID @ (*CENTER_KJI[::-1], 1))[:3]


@pytest.fixture
def organ():
    """A ball of 7 mm radius (k, j, i) on the small grid."""
    indices = np.indices((12, 40, 44)).reshape(3, -1).T - CENTER_KJI
    distance = np.linalg.norm(indices * (3.1, 0.9, 0.7), axis=1)
    return distance.reshape(12, 40, 44) <= 7


@pytest.fixture
def ct(scene, organ):
    noise = np.random.default_rng(0).normal(0, 10, organ.shape)
    return add_volume((100 * organ + noise).astype(np.int16))


@pytest.fixture
def click(ct):
    """A point in the middle of the organ."""
    return add_points([CENTER])


def dice(first, second):
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def state(scene):
    """Everything in the scene that a run could have changed."""
    segmentations = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    segments = [list(node.GetSegmentation().GetSegmentIDs()) for node in segmentations]
    return [scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())], segments


def test_a_click_makes_a_segment_of_the_organ(scene, ct, click, organ):
    segmentation = addSegmentation(ct)
    segmentId, result = segment(ct, [click], segmentation, "Organ", clean_up=CleanUp(largest_island=True))
    assert segmentation.GetSegmentation().GetSegment(segmentId).GetName() == "Organ"
    found = segment_array(segmentation, segmentId, ct)
    np.testing.assert_array_equal(found, result.mask.full())
    assert dice(found, organ) > 0.8


def test_nodes_and_prompts_can_be_mixed_and_a_segmentation_is_made(scene, ct, click):
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetCenter(*CENTER)
    roi.SetSize(16, 17, 18)
    away = CENTER + np.array((12, 0, 0))
    outside = add_points([away], "outside")
    setPositive(outside, False)
    segmentId, _ = segment(ct, [click, roi, outside, PointPrompt(CENTER + 1)])
    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert segmentation.GetName() == "CT segmentation"
    prompts = PointPrompt(CENTER), BoxPrompt(CENTER, (16, 17, 18)), PointPrompt(away, False), PointPrompt(CENTER + 1)
    expected = Engine().segment(SegmentationRequest(imageVolume(ct), PromptTask(prompts))).mask.full()
    assert expected.any()
    np.testing.assert_array_equal(segment_array(segmentation, segmentId, ct), expected)


def test_the_segment_lies_where_a_transformed_volume_shows_the_organ(scene, ct, click, organ):
    move = np.array([[0, -1, 0, 50], [1, 0, 0, -60], [0, 0, 1, 7], [0, 0, 0, 1.0]])
    transform = add_linear_transform(move)
    put_under(ct, transform)
    put_under(click, transform)
    segmentId, result = segment(ct, [click])
    assert result.warnings == ()
    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    shown = world_voxels(segmentation, segmentId).mean(axis=0)
    np.testing.assert_allclose(shown, (move @ SMALL_GRID @ (*CENTER_KJI[::-1], 1))[:3], atol=1.0)


@pytest.mark.parametrize("normal", [(0, 0, 1), (1, 0, 0), (0.6, 0, 0.8)], ids=["axial", "sagittal", "oblique"])
def test_a_slice_view_at_any_angle_gets_its_slice(scene, ct, click, organ, normal):
    view = scene.AddNewNodeByClass("vtkMRMLSliceNode", "Red")
    view.SetSliceToRASByNTP(*normal, 0, 1, 0, *CENTER, 0)
    plane = slicePlane(view)
    corner = 7 * (plane.right_ras + plane.down_ras)
    box = BoxPrompt.on_plane(plane, CENTER - corner, CENTER + corner)
    _, result = segment(ct, [click, box], scope=SliceScope(plane))
    found = result.mask.full()
    reach = np.abs(SMALL_GRID[:3, :3].T @ plane.normal_ras).sum() / 2
    distance = np.abs(plane.distance_mm(result.mask.geometry.to_ras(np.argwhere(found)[:, ::-1])))
    assert distance.max() <= reach + 1e-6
    assert (found & organ).sum() > 0.75 * found.sum()
    positions = result.mask.geometry.to_ras(np.argwhere(organ)[:, ::-1])
    cut = organ[organ] & (np.abs(plane.distance_mm(positions)) <= min(SMALL_GRID[2, 2], 2 * reach) / 4)
    assert found[organ][cut].mean() > 0.9


def test_the_recipe_stays_with_the_segment_and_makes_the_same_request(scene, ct, click):
    segmentation = addSegmentation(ct)
    segmentId, result = segment(ct, [click], segmentation, threshold=0.6)
    text = vtk.reference("")
    assert segmentation.GetSegmentation().GetSegment(segmentId).GetTag(RECIPE_TAG, text)
    (recipe,) = recipes_from_json(str(text))
    assert json.loads(recipe.to_json()) == json.loads(Recipe.from_result(result).to_json())
    assert recipe.task.threshold == 0.6
    assert isinstance(recipe.task.scope, VolumeScope)


def test_a_segment_of_the_same_name_is_replaced_in_one_step_of_undo(scene, ct, click):
    segmentation = addSegmentation(ct)
    editor = LogicEditor(segmentation, ct)
    first, _ = segment(ct, [click], segmentation, "Organ", editor=editor)
    before = segment_array(segmentation, first, ct)
    second, _ = segment(ct, [click], segmentation, "Organ", editor=editor, threshold=0.9)
    assert first == second
    assert not np.array_equal(segment_array(segmentation, first, ct), before)
    editor.undo()
    np.testing.assert_array_equal(segment_array(segmentation, first, ct), before)
    editor.undo()
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 0
    assert not editor.canUndo


def test_nothing_of_a_private_editor_stays_in_the_scene(scene, ct, click):
    segmentation = addSegmentation(ct)
    before = scene.GetNumberOfNodes()
    segment(ct, [click], segmentation)
    assert scene.GetNumberOfNodes() == before


class FailingEngine:
    """An engine that is stopped by the user."""

    def segment(self, *_):
        message = "The run was cancelled."
        raise Cancelled(message)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"prompts": []}, NoPositivePrompt),
        ({"prompts": "far"}, PromptOutsideImage),
        ({"volumeNode": None}, InvalidImage),
        ({"engine": FailingEngine()}, Cancelled),
    ],
    ids=["no prompt", "outside", "no volume", "cancelled"],
)
def test_a_run_that_fails_leaves_the_scene_as_it_was(scene, ct, click, arguments, error):
    far = add_points([(999, 0, 0)], "far")
    given = {"volumeNode": ct, "prompts": [click], **arguments}
    if given["prompts"] == "far":
        given["prompts"] = [far]
    before = state(scene)
    with pytest.raises(error):
        segment(**given)
    assert state(scene) == before


def test_a_bent_segmentation_is_refused_after_the_run_and_the_scene_stays(scene, ct, click):
    segmentation = addSegmentation(ct)
    put_under(segmentation, add_bending_transform())
    before = state(scene)
    with pytest.raises(NonLinearTransform):
        segment(ct, [click], segmentation)
    assert state(scene) == before
