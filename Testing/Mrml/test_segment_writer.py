"""The one writer on the real segment editor logic: masking, overwriting, undo, extents."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from Host.nodes import segment_array
from MedSegAICore.errors import InvalidRequest
from MedSegAICore.volume import VolumePatch
from MedSegAILib.mrml.editor import LogicEditor
from MedSegAILib.mrml.segments import (
    Change,
    ModificationMode,
    SegmentLook,
    SegmentWriter,
    SegmentWriting,
    lookOf,
    tagOf,
)
from MedSegAILib.mrml.volumes import imageVolume


@pytest.fixture
def box(volumeNode):
    """Make a mask of the voxels in a (k, j, i) box of slices."""
    geometry = imageVolume(volumeNode).geometry

    def make(*cuts):
        mask = np.zeros(geometry.shape, dtype=bool)
        mask[cuts] = True
        return VolumePatch.whole(mask, geometry)

    return make


@pytest.fixture
def shown(segmentationNode, volumeNode):
    """Return what a segment holds, as bool (k, j, i)."""
    return lambda segmentId: segment_array(segmentationNode, segmentId, volumeNode)


FIRST = np.s_[2:8, 3:13, 4:14]
SECOND = np.s_[4:10, 8:18, 8:20]


def stored(cuts, shape=(12, 20, 25)):
    mask = np.zeros(shape, dtype=bool)
    mask[cuts] = True
    return mask


def test_a_new_segment_holds_exactly_the_mask(writer, segmentationNode, box, shown):
    written = writer.write(segmentationNode, box(*FIRST), name="Liver")
    assert segmentationNode.GetSegmentation().GetSegment(written.segmentId).GetName() == "Liver"
    assert written.warnings == ()
    np.testing.assert_array_equal(shown(written.segmentId), stored(FIRST))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (ModificationMode.SET, stored(SECOND)),
        (ModificationMode.ADD, stored(FIRST) | stored(SECOND)),
        (ModificationMode.REMOVE, stored(FIRST) & ~stored(SECOND)),
    ],
)
def test_a_mask_replaces_extends_or_reduces_a_segment(writer, segmentationNode, box, shown, mode, expected):
    segmentId = writer.write(segmentationNode, box(*FIRST)).segmentId
    writer.write(segmentationNode, box(*SECOND), segmentId, mode=mode)
    np.testing.assert_array_equal(shown(segmentId), expected)


def test_inside_a_mask_segment_only_its_voxels_change(writer, editor, segmentationNode, box, shown):
    organ = writer.write(segmentationNode, box(*FIRST), name="organ").segmentId
    tumor = writer.write(segmentationNode, box(np.s_[0:1], np.s_[0:2], np.s_[0:2]), name="tumor").segmentId
    node = editor.segmentEditorNode
    node.SetOverwriteMode(node.OverwriteNone)
    node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment)
    node.SetMaskSegmentID(organ)
    writer.write(segmentationNode, box(*SECOND), tumor)
    kept = stored(np.s_[0:1, 0:2, 0:2])  # outside the mask: what was there stays
    np.testing.assert_array_equal(shown(tumor), kept | (stored(FIRST) & stored(SECOND)))
    np.testing.assert_array_equal(shown(organ), stored(FIRST))


def test_outside_all_segments_no_other_segment_is_touched(writer, editor, segmentationNode, box, shown):
    organ = writer.write(segmentationNode, box(*FIRST), name="organ").segmentId
    editor.segmentEditorNode.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedOutsideAllSegments)
    other = writer.write(segmentationNode, box(*SECOND), name="other").segmentId
    np.testing.assert_array_equal(shown(other), stored(SECOND) & ~stored(FIRST))
    np.testing.assert_array_equal(shown(organ), stored(FIRST))


def test_only_voxels_in_the_editable_intensity_range_change(writer, editor, segmentationNode, box, shown, voxels):
    segmentId = writer.write(segmentationNode, box(*FIRST)).segmentId
    editor.segmentEditorNode.SetSourceVolumeIntensityMask(True)
    editor.segmentEditorNode.SetSourceVolumeIntensityMaskRange(50, 80)
    writer.write(segmentationNode, box(*SECOND), segmentId)
    editable = (voxels >= 50) & (voxels <= 80)
    np.testing.assert_array_equal(shown(segmentId), np.where(editable, stored(SECOND), stored(FIRST)))


@pytest.mark.parametrize(
    ("overwrite", "visible_keeps", "hidden_keeps"),
    [("OverwriteNone", True, True), ("OverwriteVisibleSegments", False, True), ("OverwriteAllSegments", False, False)],
)
def test_the_overwrite_mode_decides_which_segments_lose_voxels(
    writer, editor, segmentationNode, box, shown, overwrite, visible_keeps, hidden_keeps
):
    node = editor.segmentEditorNode
    node.SetOverwriteMode(node.OverwriteNone)
    visible = writer.write(segmentationNode, box(*FIRST), name="visible").segmentId
    hidden = writer.write(segmentationNode, box(*FIRST), name="hidden").segmentId
    segmentationNode.GetDisplayNode().SetSegmentVisibility(hidden, False)
    node.SetOverwriteMode(getattr(node, overwrite))
    new = writer.write(segmentationNode, box(*SECOND), name="new").segmentId
    np.testing.assert_array_equal(shown(new), stored(SECOND))
    cut = stored(FIRST) & ~stored(SECOND)
    np.testing.assert_array_equal(shown(visible), stored(FIRST) if visible_keeps else cut)
    np.testing.assert_array_equal(shown(hidden), stored(FIRST) if hidden_keeps else cut)


def test_each_result_is_one_step_of_undo_and_redo(writer, editor, segmentationNode, box, shown):
    segmentation = segmentationNode.GetSegmentation()
    segmentId = writer.write(segmentationNode, box(*FIRST), tags={"recipe": "1"}).segmentId
    writer.write(segmentationNode, box(*SECOND), segmentId, mode=ModificationMode.ADD, tags={"recipe": "2"})
    writer.write(segmentationNode, box(np.s_[0:3], np.s_[0:3], np.s_[0:3]), name="other")
    states = [
        (1, stored(FIRST), "1"),
        (1, stored(FIRST) | stored(SECOND), "2"),
        (2, stored(FIRST) | stored(SECOND), "2"),
    ]
    editor.undo()
    for count, voxels, tag in reversed(states[:2]):
        assert segmentation.GetNumberOfSegments() == count
        np.testing.assert_array_equal(shown(segmentId), voxels)
        assert _tag(segmentation.GetSegment(segmentId), "recipe") == tag
        editor.undo()
    assert segmentation.GetNumberOfSegments() == 0
    assert not editor.canUndo
    for count, voxels, tag in states:
        editor.redo()
        assert segmentation.GetNumberOfSegments() == count
        np.testing.assert_array_equal(shown(segmentId), voxels)
        assert _tag(segmentation.GetSegment(segmentId), "recipe") == tag
    assert not editor.canRedo


def test_an_empty_mask_changes_nothing_and_leaves_no_undo(writer, editor, segmentationNode, box, shown):
    segmentId = writer.write(segmentationNode, box(*FIRST)).segmentId
    editor.undo()
    editor.redo()
    before = segmentationNode.GetSegmentation().GetMTime()
    for target in (segmentId, None):
        written = writer.write(segmentationNode, box(np.s_[0:0], np.s_[0:0], np.s_[0:0]), target)
        assert written.segmentId is None
        assert "empty" in written.warnings[0]
    assert segmentationNode.GetSegmentation().GetMTime() == before
    np.testing.assert_array_equal(shown(segmentId), stored(FIRST))
    editor.undo()
    assert not editor.canUndo


def test_an_unknown_segment_is_refused_and_nothing_changes(writer, editor, segmentationNode, box):
    with pytest.raises(InvalidRequest, match="no segment 'liver'"):
        writer.write(segmentationNode, box(*FIRST), "liver")
    assert segmentationNode.GetSegmentation().GetNumberOfSegments() == 0
    assert not editor.canUndo


class RecordingEditor(LogicEditor):
    """Remembers the extents that it was asked to change."""

    def modifySegmentByLabelmap(self, segmentationNode, segmentId, labelmap, mode):
        self.extent = labelmap.GetExtent()
        super().modifySegmentByLabelmap(segmentationNode, segmentId, labelmap, mode)


def test_only_the_extent_that_can_change_is_visited(segmentationNode, volumeNode, box):
    editor = RecordingEditor(segmentationNode, volumeNode)
    writer = SegmentWriter(editor)
    segmentId = writer.write(segmentationNode, box(*FIRST)).segmentId
    assert editor.extent == (4, 13, 3, 12, 2, 7)
    writer.write(segmentationNode, box(np.s_[0:2], np.s_[0:2], np.s_[0:2]), segmentId, mode=ModificationMode.ADD)
    assert editor.extent == (0, 1, 0, 1, 0, 1)
    writer.write(segmentationNode, box(np.s_[3:5], np.s_[3:5], np.s_[3:5]), segmentId)
    assert editor.extent == (0, 13, 0, 12, 0, 7)


def test_other_segments_in_the_same_layer_stay_as_they_are(writer, segmentationNode, box, shown):
    first = writer.write(segmentationNode, box(np.s_[0:4], np.s_[0:20], np.s_[0:25]), name="first").segmentId
    second = writer.write(segmentationNode, box(np.s_[6:9], np.s_[5:9], np.s_[5:9]), name="second").segmentId
    assert segmentationNode.GetSegmentation().GetNumberOfLayers() == 1
    writer.write(segmentationNode, box(np.s_[9:12], np.s_[0:3], np.s_[0:3]), second)
    np.testing.assert_array_equal(shown(first), stored(np.s_[0:4, 0:20, 0:25]))
    np.testing.assert_array_equal(shown(second), stored(np.s_[9:12, 0:3, 0:3]))


def test_a_segmentation_made_of_surfaces_is_refused_by_name(scene, volumeNode, segmentationNode):
    source = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    surfaces = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
    surfaces.GetSegmentation().SetSourceRepresentationName(source)
    sphere = vtk.vtkSphereSource()
    sphere.Update()
    surfaces.AddSegmentFromClosedSurfaceRepresentation(sphere.GetOutput(), "ball", [1, 0, 0])
    before = scene.GetNumberOfNodes()
    with pytest.raises(InvalidRequest, match="made of surfaces"):
        LogicEditor(surfaces, volumeNode)
    assert scene.GetNumberOfNodes() == before


def test_closing_the_editor_removes_what_it_added(scene, segmentationNode, volumeNode):
    before = scene.GetNumberOfNodes()
    editor = LogicEditor(segmentationNode, volumeNode)
    assert scene.GetNumberOfNodes() == before + 1
    editor.close()
    assert scene.GetNumberOfNodes() == before


def _tag(segment, key):
    value = vtk.reference("")
    assert segment.GetTag(key, value)
    return str(value)


def test_the_grid_of_a_segmentation_is_known_without_filling_a_volume(editor, volumeNode):
    grid = editor.referenceGeometryImage()
    assert grid.GetDimensions() == volumeNode.GetImageData().GetDimensions()
    assert grid.GetPointData().GetScalars() is None


LOOK = SegmentLook((0.2, 0.4, 0.9), "Segmentation category~SCT^1^Tissue~SCT^2^Liver~^^~Anatomic~^^~^^")


def test_several_segments_are_one_step_of_undo(writer, editor, segmentationNode, box, shown):
    segmentation = segmentationNode.GetSegmentation()
    old = writer.write(segmentationNode, box(*FIRST), name="Liver").segmentId
    writings = [
        SegmentWriting((Change(box(*SECOND)),), old),
        SegmentWriting((Change(box(np.s_[0:1], np.s_[0:3], np.s_[0:3])),), name="Spleen", look=LOOK, tags={"A": "b"}),
    ]

    first, second = writer.writeSegments(segmentationNode, writings)

    np.testing.assert_array_equal(shown(first.segmentId), stored(SECOND))
    spleen = segmentation.GetSegment(second.segmentId)
    assert (spleen.GetName(), tagOf(spleen, "A")) == ("Spleen", "b")
    assert lookOf(spleen) == LOOK
    editor.undo()
    assert segmentation.GetNumberOfSegments() == 1
    np.testing.assert_array_equal(shown(old), stored(FIRST))
    editor.redo()
    assert segmentation.GetNumberOfSegments() == 2
    np.testing.assert_array_equal(shown(old), stored(SECOND))
    assert lookOf(segmentation.GetSegment(second.segmentId)) == LOOK


def test_of_several_segments_an_empty_one_is_left_alone(writer, segmentationNode, box, shown):
    empty = SegmentWriting((Change(box(np.s_[0:0])),), name="Nothing")

    left, written = writer.writeSegments(segmentationNode, [empty, SegmentWriting((Change(box(*FIRST)),))])

    assert left.segmentId is None
    assert "empty" in left.warnings[0]
    assert segmentationNode.GetSegmentation().GetNumberOfSegments() == 1
    np.testing.assert_array_equal(shown(written.segmentId), stored(FIRST))


def test_several_segments_are_written_all_or_none(writer, segmentationNode, box):
    writings = [SegmentWriting((Change(box(*FIRST)),)), SegmentWriting((Change(box(*SECOND)),), "absent")]

    with pytest.raises(InvalidRequest, match="absent"):
        writer.writeSegments(segmentationNode, writings)

    assert segmentationNode.GetSegmentation().GetNumberOfSegments() == 0
