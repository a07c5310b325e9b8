"""What the user placed in the scene as prompts: markups, segments, label maps and slice views.

Every position is taken in the world, so parent transforms of a markup count.
"""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from MedSegAICore.errors import InvalidRequest, UnsupportedPrompt
from MedSegAICore.prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, ScribblePrompt, SlicePlane
from vtk.util.numpy_support import vtk_to_numpy

from .oriented import imageToWorld, localToWorld, matrixToArray, scalarsAsArray
from .translation import tr as _
from .volumes import emptyPatch, labelMapPatch, maskOnGrid

POSITIVE_ATTRIBUTE = "MedSegAI.Positive"
"""Attribute of a node: "false" says that its prompts lie outside the structure."""

RADIUS_ATTRIBUTE = "MedSegAI.RadiusMm"
"""Attribute of a curve: radius of the pen that it was drawn with [mm]."""


def promptsFromNode(node, geometry):
    """Return the prompts that one node of the scene stands for.

    Parameters
    ----------
    node
        Point list, ROI, plane, curve, closed curve or label map.
    geometry
        Grid of the image, for masks.

    Raises
    ------
    UnsupportedPrompt
        The node is none of these.
    """
    if isinstance(node, slicer.vtkMRMLMarkupsFiducialNode):
        return pointPrompts(node)
    if isinstance(node, (slicer.vtkMRMLMarkupsROINode, slicer.vtkMRMLMarkupsPlaneNode)):
        return (boxPrompt(node),)
    if isinstance(node, slicer.vtkMRMLMarkupsClosedCurveNode):
        return (lassoPrompt(node),)
    if isinstance(node, slicer.vtkMRMLMarkupsCurveNode):
        return (scribblePrompt(node),)
    if isinstance(node, slicer.vtkMRMLLabelMapVolumeNode):
        return (MaskPrompt(labelMapPatch(node, geometry), isPositive(node)),)
    message = _("'{name}' cannot be used as a prompt.").format(name=node.GetName())
    raise UnsupportedPrompt(message, _("Use points, a ROI, a plane, a curve, a label map or a segment."))


def isPositive(node):
    """Tell whether a node marks the inside of the structure (the default) or the outside."""
    return node.GetAttribute(POSITIVE_ATTRIBUTE) != "false"


def setPositive(node, positive):
    """Say whether the prompts of a node mark the inside or the outside of the structure."""
    node.SetAttribute(POSITIVE_ATTRIBUTE, "true" if positive else "false")


def pointPrompts(pointListNode):
    """Return one prompt for each placed point of a point list."""
    prompts = []
    position = [0.0, 0.0, 0.0]
    for index in range(pointListNode.GetNumberOfControlPoints()):
        if pointListNode.GetNthControlPointPositionStatus(index) == pointListNode.PositionDefined:
            pointListNode.GetNthControlPointPositionWorld(index, position)
            prompts.append(PointPrompt(position, isPositive(pointListNode)))
    return tuple(prompts)


def boxPrompt(node):
    """Return a ROI or a plane as a box; a plane or a ROI without depth gives a flat box.

    Under a shear Slicer shows, and this returns, the nearest box with right angles.

    Raises
    ------
    InvalidRequest
        The node is not placed yet or has no extent.
    NonLinearTransform
        A parent transform bends it.
    """
    if node.GetNumberOfDefinedControlPoints() == 0:
        message = _("'{name}' is not placed yet.").format(name=node.GetName())
        raise InvalidRequest(message, _("Place it around the structure."))
    localToWorld(node)  # a bent box is refused before its matrix, which says nothing of the bending, is used
    matrix = _objectToWorld(node)
    scale = np.linalg.norm(matrix[:3, :3], axis=0)
    size = np.zeros(3)
    size[: len(node.GetSize())] = node.GetSize()  # a plane has two sizes
    return BoxPrompt(matrix[:3, 3], *_depthLast(size * scale, matrix[:3, :3] / scale))


def _objectToWorld(node):
    if isinstance(node, slicer.vtkMRMLMarkupsROINode):
        return matrixToArray(node.GetObjectToWorldMatrix())
    matrix = vtk.vtkMatrix4x4()
    node.GetObjectToWorldMatrix(matrix)
    return matrixToArray(matrix)


def _depthLast(size, axes):
    """Move the axis along which a flat box has no extent to the end."""
    flat = int(np.argmin(size))
    if size[flat] > 0:
        return size, axes
    order = [(flat + 1) % 3, (flat + 2) % 3, flat]
    return size[order], axes[:, order]


def scribblePrompt(curveNode):
    """Return an open curve as a stroke; its attribute `RADIUS_ATTRIBUTE` gives the pen."""
    radius = float(curveNode.GetAttribute(RADIUS_ATTRIBUTE) or ScribblePrompt.radius_mm)
    return ScribblePrompt(_curvePoints(curveNode), radius, isPositive(curveNode))


def lassoPrompt(closedCurveNode):
    """Return a closed curve as an outline."""
    points = _curvePoints(closedCurveNode)
    if len(points) > 1 and np.allclose(points[0], points[-1]):
        points = points[:-1]
    return LassoPrompt(points, isPositive(closedCurveNode))


def _curvePoints(curveNode):
    points = curveNode.GetCurvePointsWorld()
    if points is None or points.GetNumberOfPoints() == 0:
        message = _("'{name}' has no points.").format(name=curveNode.GetName())
        raise InvalidRequest(message, _("Draw it on the image."))
    return np.array(vtk_to_numpy(points.GetData()), dtype=np.float64)


def segmentPrompt(segmentationNode, segmentId, geometry, positive=True):
    """Return a segment as a mask prompt on the grid of an image, resampled if its own grid differs."""
    return MaskPrompt(segmentPatch(segmentationNode, segmentId, geometry), positive)


def segmentPatch(segmentationNode, segmentId, geometry):
    """Return the voxels of a segment as a mask on the grid of an image.

    Raises
    ------
    InvalidRequest
        There is no such segment, or it cannot be shown as voxels.
    """
    image = slicer.vtkOrientedImageData()
    known = segmentationNode.GetSegmentation().GetSegment(segmentId) is not None
    if not known or not segmentationNode.GetBinaryLabelmapRepresentation(segmentId, image):
        message = _("'{name}' has no voxels for the segment '{segment}'.")
        message = message.format(name=segmentationNode.GetName(), segment=segmentId)
        raise InvalidRequest(message, _("Choose another segment."))
    if image.IsEmpty():
        return emptyPatch(geometry)
    toWorld = localToWorld(segmentationNode) @ imageToWorld(image)
    offset = np.eye(4)
    offset[:3, 3] = image.GetExtent()[::2]
    return maskOnGrid(scalarsAsArray(image) != 0, toWorld @ offset, geometry)


def slicePlane(sliceNode):
    """Return the plane that a slice view shows, at any orientation."""
    matrix = matrixToArray(sliceNode.GetSliceToRAS())
    return SlicePlane(matrix[:3, 3], matrix[:3, 0], -matrix[:3, 1])
