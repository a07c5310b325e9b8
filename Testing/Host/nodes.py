"""Small nodes for tests: what a user would have loaded or placed."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

SMALL_GRID = np.array([[-0.7, 0, 0, 11], [0, -0.9, 0, 22], [0, 0, 3.1, 33], [0, 0, 0, 1.0]])
"""A grid as CT scanners write it: rows and columns towards left and posterior, thick slices."""


def add_volume(array, ijk_to_ras=SMALL_GRID, name="CT"):
    """Add a scalar volume with the voxels `array` (k, j, i)."""
    return slicer.util.addVolumeFromArray(array, ijkToRAS=np.asarray(ijk_to_ras), name=name)


def add_linear_transform(matrix, parent=None):
    """Add a linear transform (4, 4) below another one."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Linear")
    slicer.util.updateTransformMatrixFromArray(node, np.asarray(matrix, dtype=float))
    if parent is not None:
        node.SetAndObserveTransformNodeID(parent.GetID())
    return node


def add_bending_transform():
    """Add a smooth transform that bends space by a few millimetres."""
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetBasisToR()
    start, end = vtk.vtkPoints(), vtk.vtkPoints()
    for position in np.random.default_rng(1).uniform(-40, 80, (8, 3)):
        start.InsertNextPoint(position)
        end.InsertNextPoint(position + 3 * np.sin(position))
    spline.SetSourceLandmarks(start)
    spline.SetTargetLandmarks(end)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "Bending")
    node.SetAndObserveTransformToParent(spline)
    return node


def put_under(node, transform):
    """Make `transform` the parent of `node`."""
    node.SetAndObserveTransformNodeID(transform.GetID())


def add_points(positions, name="F"):
    """Add a point list with control points at local `positions`."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    for position in positions:
        node.AddControlPoint(*[float(value) for value in position])
    return node


def add_segmentation(volume, name="Segmentation"):
    """Add an empty segmentation on the grid of a volume."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    return node


def segment_array(segmentation, segment_id, volume):
    """Return a segment as bool (k, j, i) on the grid of a volume."""
    return slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, volume).astype(bool)


def world_voxels(segmentation, segment_id):
    """Return the world positions (n, 3) of the voxel centres of a segment, from its own stored label map."""
    image = slicer.vtkOrientedImageData()
    assert segmentation.GetBinaryLabelmapRepresentation(segment_id, image)
    labels = vtk_to_numpy(image.GetPointData().GetScalars())
    labels = labels.reshape(image.GetDimensions()[::-1])
    ijk = np.argwhere(labels)[:, ::-1] + np.array(image.GetExtent()[::2])
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    to_world = vtk.vtkMatrix4x4()
    if segmentation.GetParentTransformNode() is not None:
        segmentation.GetParentTransformNode().GetMatrixTransformToWorld(to_world)
    affine = slicer.util.arrayFromVTKMatrix(to_world) @ slicer.util.arrayFromVTKMatrix(matrix)
    return ijk @ affine[:3, :3].T + affine[:3, 3]
