"""The preview of a probability, cut by slice nodes as views cut it."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from Host.nodes import add_linear_transform, put_under
from MedSegAICore.volume import VolumePatch
from MedSegAILib.mrml.preview import PreviewColors, PreviewImage, ViewPreview
from MedSegAILib.mrml.volumes import volumeGeometry
from vtk.util.numpy_support import vtk_to_numpy

GREEN = (0.0, 1.0, 0.0)


@pytest.fixture
def sliceNode(scene):
    """An axial view of 64 x 64 pixels of 0.5 mm through the middle of the volume."""
    node = slicer.vtkMRMLSliceNode()
    node.SetLayoutName("Red")
    scene.AddNode(node)
    node.SetDimensions(64, 64, 1)
    node.SetFieldOfView(32, 32, 1)
    return node


@pytest.fixture
def colors():
    colors = PreviewColors()
    colors.update(GREEN, 0.5, 0.5)
    return colors


@pytest.fixture
def patch(volumeNode):
    """Probability 0.75 in a box, 0.25 in one half of it."""
    array = np.full((4, 10, 12), 0.75, np.float16)
    array[:, :, 6:] = 0.25
    return VolumePatch(array, (4, 5, 6), volumeGeometry(volumeNode))


@pytest.fixture
def show(sliceNode, colors):
    """Place a patch in the view and return the opacity (rows from below, columns) that it draws, or None."""
    renderer = vtk.vtkRenderer()

    def show(patch):
        view = ViewPreview(renderer, sliceNode, colors)
        view.show([PreviewImage(patch)])
        if not view.isVisible:
            return None
        mapper = renderer.GetViewProps().GetLastProp().GetMapper()
        mapper.GetInputAlgorithm().Update()
        image = mapper.GetInput()
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(64, 64, 4)[..., 3]

    return show


def look_at(sliceNode, ras, normal=(0, 0, 1), right=(1, 0, 0)):
    sliceNode.SetSliceToRASByNTP(*normal, *right, *ras, 0)


def expected(sliceNode, patch, threshold):
    """Look up every pixel of the view in the patch, the slow way."""
    to_ras = slicer.util.arrayFromVTKMatrix(sliceNode.GetXYToRAS())
    rows, columns = np.indices((64, 64)).reshape(2, -1)
    ras = (to_ras @ [columns, rows, np.zeros(4096), np.ones(4096)])[:3].T
    inside = np.zeros(4096, bool)
    inside[:] = patch.geometry.contains(ras)
    kji = patch.geometry.voxels_at(ras)[inside]
    shown = np.zeros(4096, bool)
    shown[inside] = patch.full()[tuple(kji.T)] >= threshold
    return shown.reshape(64, 64)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 1, 0.0), (0.3, 0.2, 0.9)])
def test_each_pixel_shows_the_voxel_below_it(show, sliceNode, patch, normal):
    look_at(sliceNode, patch.patch_geometry.to_ras((3.2, 4.1, 1.3))[0], normal)

    alpha = show(patch)

    wanted = expected(sliceNode, patch, 0.5)
    assert wanted.sum() > 50
    assert np.count_nonzero((alpha > 0) != wanted) <= 2  # ties on faces between voxels
    assert set(np.unique(alpha)) == {0, 128}


def test_the_preview_follows_parent_transforms(show, sliceNode, volumeNode, patch):
    put_under(volumeNode, add_linear_transform([[0, -1, 0, 5], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1.0]]))
    moved = VolumePatch(patch.array, patch.offset, volumeGeometry(volumeNode))
    look_at(sliceNode, moved.patch_geometry.to_ras((3.2, 4.1, 1.3))[0])
    assert np.count_nonzero((show(moved) > 0) != expected(sliceNode, moved, 0.5)) <= 2


def test_the_threshold_changes_colours_only(show, sliceNode, colors, patch):
    look_at(sliceNode, patch.patch_geometry.to_ras((5.2, 4.1, 1.3))[0])
    half = np.count_nonzero(show(patch))
    colors.update(GREEN, 0.5, 0.2)
    assert np.count_nonzero(show(patch)) > 1.8 * half
    colors.update(GREEN, 0.5, 0.8)
    assert np.count_nonzero(show(patch)) == 0


def test_a_mask_shows_at_any_threshold(show, sliceNode, colors, patch):
    look_at(sliceNode, patch.patch_geometry.to_ras((3.2, 4.1, 1.3))[0])
    mask = VolumePatch(patch.array > 0.5, patch.offset, patch.geometry)
    colors.update(GREEN, 0.5, 0.99)
    assert np.count_nonzero((show(mask) > 0) != expected(sliceNode, patch, 0.5)) <= 2


def test_a_view_beside_the_patch_draws_nothing(show, sliceNode, patch):
    look_at(sliceNode, patch.patch_geometry.to_ras((3, 4, -2))[0])
    assert show(patch) is None


def test_what_was_shown_before_goes_away(sliceNode, colors, patch):
    renderer = vtk.vtkRenderer()
    view = ViewPreview(renderer, sliceNode, colors)
    view.show([PreviewImage(patch), PreviewImage(patch)])
    view.show([PreviewImage(patch)])
    assert renderer.GetViewProps().GetNumberOfItems() == 1
    view.remove()
    assert renderer.GetViewProps().GetNumberOfItems() == 0
    assert not view.isVisible
