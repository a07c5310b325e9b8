"""What MedSegAI writes Slicer reads, and the other way round."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer
import vtk
from Host.nodes import add_points, segment_array
from MedSegAICore.errors import GeometryMismatch, InvalidRequest
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.markups import read_markups
from MedSegAICore.segmentation_file import RECIPE_TAG, NamedMask, tag_text, write_segmentation
from MedSegAICore.volume import VolumePatch
from MedSegAILib.mrml.prompts import boxPrompt, pointPrompts
from MedSegAILib.mrml.volumes import imageVolume

RECIPE = json.dumps({"name": 'left|right: "a" \\ é', "points": [1.5] * 5000}, indent=1)


def saved(node, path):
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(str(path))
    assert node.GetStorageNode().WriteData(node)
    return path


def tag(segment, key):
    value = vtk.reference("")
    return str(value) if segment.GetTag(key, value) else None


def test_saved_points_are_the_prompts_of_their_node(scene, tmp_path):
    points = add_points([(1, 2, 3), (4, 5, 6)])
    points.SetNthControlPointPositionMissing(0)
    (expected,) = pointPrompts(points)
    (point,) = read_markups(saved(points, tmp_path / "points.mrk.json"))
    np.testing.assert_allclose(point.position_ras, expected.position_ras)


@pytest.mark.parametrize("kind", ["ROI", "Plane"])
def test_a_saved_turned_box_is_the_prompt_of_its_node(scene, tmp_path, kind):
    node = scene.AddNewNodeByClass(f"vtkMRMLMarkups{kind}Node")
    node.SetCenter(1, 2, 3)
    if kind == "ROI":
        node.SetSize(10, 20, 30)
        matrix = vtk.vtkMatrix4x4()
        for row, values in enumerate([(0.8, 0, 0.6), (0, 1, 0), (-0.6, 0, 0.8)]):
            for column, value in enumerate(values):
                matrix.SetElement(row, column, value)
        node.SetAndObserveObjectToNodeMatrix(matrix)
    else:
        node.SetSize(10, 20)
        node.SetNormal(0.6, 0, 0.8)
    expected = boxPrompt(node)
    (box,) = read_markups(saved(node, tmp_path / "box.mrk.json"))
    np.testing.assert_allclose(box.corners_ras(), expected.corners_ras(), atol=1e-9)


@pytest.fixture
def masks(volumeNode):
    geometry = imageVolume(volumeNode).geometry
    first, second, third = np.zeros((3, *geometry.shape), bool)
    first[2:8, 3:13, 4:14] = True
    second[4:10, 8:18, 8:20] = True
    third[0:1] = True
    return [VolumePatch.whole(mask, geometry) for mask in (first, second, third)]


def test_slicer_reads_the_written_segmentation_with_overlap_colours_and_recipe(masks, volumeNode, tmp_path):
    names = ["Liver", "Tumor in liver", "Rib"]
    segments = [
        NamedMask(names[0], masks[0].tight(), tags={RECIPE_TAG: tag_text(RECIPE)}),
        NamedMask(names[1], masks[1], (0.25, 0.5, 0.75)),
        NamedMask(names[2], masks[2].tight()),
    ]
    write_segmentation(tmp_path / "organs.seg.nrrd", segments)
    node = slicer.modules.segmentations.logic().LoadSegmentationFromFile(str(tmp_path / "organs.seg.nrrd"), True, "x")
    segmentation = node.GetSegmentation()
    assert [segmentation.GetNthSegment(n).GetName() for n in range(3)] == names
    for index, mask in enumerate(masks):
        segmentId = segmentation.GetNthSegmentID(index)
        np.testing.assert_array_equal(segment_array(node, segmentId, volumeNode), mask.array)
    assert segmentation.GetSegment(segmentation.GetNthSegmentID(1)).GetColor() == (0.25, 0.5, 0.75)
    assert json.loads(tag(segmentation.GetNthSegment(0), RECIPE_TAG)) == json.loads(RECIPE)
    assert tag(segmentation.GetNthSegment(1), RECIPE_TAG) is None


def test_segments_that_do_not_overlap_share_one_layer(masks, tmp_path):
    write_segmentation(tmp_path / "two.seg.nrrd", [NamedMask("a", masks[0]), NamedMask("b", masks[2])])
    node = slicer.modules.segmentations.logic().LoadSegmentationFromFile(str(tmp_path / "two.seg.nrrd"), True, "x")
    assert node.GetSegmentation().GetNumberOfLayers() == 1


def test_an_empty_segment_is_kept(masks, volumeNode, tmp_path):
    empty = VolumePatch(np.zeros((0, 0, 0), bool), (0, 0, 0), masks[0].geometry)
    write_segmentation(tmp_path / "e.seg.nrrd", [NamedMask("empty", empty), NamedMask("full", masks[0])])
    node = slicer.modules.segmentations.logic().LoadSegmentationFromFile(str(tmp_path / "e.seg.nrrd"), True, "x")
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 2
    assert segment_array(node, segmentation.GetNthSegmentID(0), volumeNode).sum() == 0
    np.testing.assert_array_equal(segment_array(node, segmentation.GetNthSegmentID(1), volumeNode), masks[0].array)


def test_what_cannot_be_a_segmentation_file_is_refused(masks, tmp_path):
    with pytest.raises(InvalidRequest, match="no segment"):
        write_segmentation(tmp_path / "none.seg.nrrd", [])
    with pytest.raises(InvalidRequest, match="not the name"):
        write_segmentation(tmp_path / "labels.nrrd", [NamedMask("a", masks[0])])
    other = VolumePatch.whole(np.ones((2, 2, 2), bool), VolumeGeometry((2, 2, 2), np.eye(4)))
    with pytest.raises(GeometryMismatch):
        write_segmentation(tmp_path / "x.seg.nrrd", [NamedMask("a", masks[0]), NamedMask("b", other)])
    assert not list(tmp_path.glob("*.nrrd"))


@pytest.mark.parametrize("way", ["seg.nrrd", "mrb"])
def test_a_recipe_survives_saving_and_loading(writer, scene, segmentationNode, volumeNode, masks, tmp_path, way):
    tags = {RECIPE_TAG: tag_text(RECIPE)}
    segmentId = writer.write(segmentationNode, masks[0], name="Liver", tags=tags).segmentId
    if way == "mrb":
        scene.SetRootDirectory(str(tmp_path))
        assert scene.WriteToMRB(str(tmp_path / "scene.mrb"))
        scene.Clear(0)
        assert scene.ReadFromMRB(str(tmp_path / "scene.mrb"))
        loaded, volume = slicer.util.getNode("Segmentation"), slicer.util.getNode("CT")
    else:
        path = str(saved(segmentationNode, tmp_path / "saved.seg.nrrd"))
        loaded = slicer.modules.segmentations.logic().LoadSegmentationFromFile(path, True, "loaded")
        volume = volumeNode
    segment = loaded.GetSegmentation().GetSegment(segmentId)
    assert json.loads(tag(segment, RECIPE_TAG)) == json.loads(RECIPE)
    np.testing.assert_array_equal(segment_array(loaded, segmentId, volume), masks[0].array)
