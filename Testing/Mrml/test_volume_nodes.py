"""Volume nodes as values: grids under transforms, refusals by name, shared memory."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from Host.nodes import SMALL_GRID, add_bending_transform, add_linear_transform, add_volume, put_under
from MedSegAICore.errors import InvalidImage, NonLinearTransform, ShearedGeometry
from MedSegAILib.mrml.volumes import hardenTransform, imageVolume, labelMapPatch

TURN = np.array([[0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1.0]])
STRETCH = np.diag([2.0, 2.0, 0.5, 1.0])


def test_a_volume_node_shares_its_voxels_and_grid(volumeNode, voxels):
    image = imageVolume(volumeNode)
    np.testing.assert_array_equal(image.array, voxels)
    assert np.shares_memory(image.array, slicer.util.arrayFromVolume(volumeNode))
    np.testing.assert_allclose(image.geometry.ijk_to_ras, SMALL_GRID)


def test_an_image_tells_when_somebody_has_written_to_its_voxels(volumeNode):
    image = imageVolume(volumeNode)
    before = image.voxel_version()
    assert image.voxel_version() == before
    slicer.util.arrayFromVolume(volumeNode)[0] += 1
    slicer.util.arrayFromVolumeModified(volumeNode)
    assert image.voxel_version() != before


def test_nested_linear_parents_are_composed_to_the_world(volumeNode):
    outer = add_linear_transform(TURN)
    put_under(volumeNode, add_linear_transform(STRETCH, parent=outer))
    np.testing.assert_allclose(imageVolume(volumeNode).geometry.ijk_to_ras, TURN @ STRETCH @ SMALL_GRID)


def test_a_bending_transform_is_refused_until_it_is_hardened(volumeNode):
    put_under(volumeNode, add_bending_transform())
    with pytest.raises(NonLinearTransform, match="Harden") as refusal:
        imageVolume(volumeNode)
    assert "'CT'" in refusal.value.message
    hardenTransform(volumeNode)
    assert volumeNode.GetParentTransformNode() is None
    assert imageVolume(volumeNode).array.max() > 0


def test_a_hardened_linear_transform_keeps_every_voxel_in_its_place(volumeNode, voxels):
    put_under(volumeNode, add_linear_transform(TURN))
    before = imageVolume(volumeNode).geometry
    hardenTransform(volumeNode)
    after = imageVolume(volumeNode)
    assert after.geometry.matches(before)
    np.testing.assert_array_equal(after.array, voxels)


def test_a_sheared_volume_is_refused_by_name(volumeNode):
    shear = np.eye(4)
    shear[0, 1] = 0.2
    put_under(volumeNode, add_linear_transform(shear))
    with pytest.raises(ShearedGeometry, match="sheared"):
        imageVolume(volumeNode)


def test_nothing_selected_is_said(scene):
    with pytest.raises(InvalidImage, match="No volume is selected"):
        imageVolume(None)


def test_a_volume_without_voxels_is_refused(scene):
    with pytest.raises(InvalidImage, match="'Empty' has no voxels"):
        imageVolume(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty"))


def test_a_volume_whose_image_has_no_size_is_refused(scene):
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Flat")
    node.SetAndObserveImageData(vtk.vtkImageData())
    with pytest.raises(InvalidImage, match="'Flat' has no voxels"):
        imageVolume(node)


@pytest.mark.parametrize("class_name", ["vtkMRMLVectorVolumeNode", "vtkMRMLScalarVolumeNode"])
def test_a_volume_with_several_components_is_refused(scene, class_name):
    image = vtk.vtkImageData()
    image.SetDimensions(4, 5, 6)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    node = scene.AddNewNodeByClass(class_name, "Colour")
    node.SetAndObserveImageData(image)
    with pytest.raises(InvalidImage, match="'Colour' has 3 values in each voxel"):
        imageVolume(node)


def test_a_sequence_is_refused_and_its_current_frame_accepted(scene, voxels):
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "Beating")
    for time in range(2):
        frame = add_volume(voxels + 100 * time, name="frame")
        sequence.SetDataNodeAtValue(frame, str(time))
        scene.RemoveNode(frame)
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    browser.SetSelectedItemNumber(1)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    with pytest.raises(InvalidImage, match="'Beating' is a time series"):
        imageVolume(sequence)
    np.testing.assert_array_equal(imageVolume(browser.GetProxyNode(sequence)).array, voxels + 100)


def test_a_node_that_is_no_volume_is_refused(scene):
    with pytest.raises(InvalidImage, match="not a scalar volume"):
        imageVolume(scene.AddNewNodeByClass("vtkMRMLModelNode", "Bone"))


def test_one_slice_is_a_volume(scene):
    assert imageVolume(add_volume(np.ones((1, 5, 6), np.int16))).array.shape == (1, 5, 6)


def test_a_label_map_on_the_same_grid_becomes_a_mask(scene, volumeNode):
    labels = np.zeros((12, 20, 25), np.uint8)
    labels[3:5, 4:8, 6:9] = 1
    labels[7:9, 4:8, 6:9] = 2
    node = slicer.util.addVolumeFromArray(labels, ijkToRAS=SMALL_GRID, nodeClassName="vtkMRMLLabelMapVolumeNode")
    geometry = imageVolume(volumeNode).geometry
    np.testing.assert_array_equal(labelMapPatch(node, geometry).full(), labels > 0)
    np.testing.assert_array_equal(labelMapPatch(node, geometry, 2).full(), labels == 2)
    assert labelMapPatch(node, geometry, 3).array.size == 0


def test_a_label_map_on_another_grid_is_resampled(scene, volumeNode):
    labels = np.zeros((24, 40, 50), np.uint8)
    labels[6:10, 8:16, 12:18] = 1
    # twice as fine: voxel (0, 0, 0) of the coarse grid covers the fine voxels 0 and 1 along each axis
    fine = SMALL_GRID @ np.array([[0.5, 0, 0, -0.25], [0, 0.5, 0, -0.25], [0, 0, 0.5, -0.25], [0, 0, 0, 1]])
    node = slicer.util.addVolumeFromArray(labels, ijkToRAS=fine, nodeClassName="vtkMRMLLabelMapVolumeNode")
    expected = np.zeros((12, 20, 25), bool)
    expected[3:5, 4:8, 6:9] = True
    patch = labelMapPatch(node, imageVolume(volumeNode).geometry)
    np.testing.assert_array_equal(patch.full(), expected)
