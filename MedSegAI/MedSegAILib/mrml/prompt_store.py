"""The prompts of a segment as markups of the scene: seen in every view, moved with the mouse, saved with the scene.

Points lie in two lists, one inside and one outside of the structure; every other prompt is a node of its own. The
nodes name their segmentation by reference, so that they find it again after a scene was saved and loaded, and lie
under the transform of the volume, so that they stay on the anatomy when it moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import slicer
import vtk
from MedSegAICore.prompts import BoxPrompt, SlicePlane

from .oriented import localToWorld, matrixFromArray
from .prompts import RADIUS_ATTRIBUTE, isPositive, pointPrompts, promptsFromNode, setPositive
from .translation import tr as _

SEGMENTATION_ROLE = "MedSegAI.Segmentation"
SEGMENT_ATTRIBUTE = "MedSegAI.SegmentId"
NUMBER_ATTRIBUTE = "MedSegAI.Number"
"""Place of a prompt in the order in which they were made; points carry theirs as description."""

FLAT_BOX_ATTRIBUTE = "MedSegAI.FlatBox"
"""Marks the closed curve of four corners that stands for a box on a slice."""

POSITIVE_COLOR, NEGATIVE_COLOR = (0.2, 0.9, 0.3), (0.95, 0.25, 0.2)
GLYPH_PERCENT, LINE_PERCENT = 3.0, 0.4
"""Size of a point and thickness of a line [% of the view]."""


@dataclass(frozen=True)
class _Entry:
    """One prompt: a node, and in a list of points the index of the point."""

    number: int
    node: object
    point: int | None = None


class PromptStore:
    """The prompts of one segment.

    Parameters
    ----------
    segmentationNode, segmentId
        The segment that the prompts are for.
    volumeNode
        The volume that they lie on.
    """

    def __init__(self, segmentationNode, segmentId, volumeNode):
        self._segmentationNode, self._segmentId, self._volumeNode = segmentationNode, segmentId, volumeNode
        self._scene = segmentationNode.GetScene()

    def nodes(self):
        """Return the markups nodes that hold prompts of this segment."""
        return [node for node in slicer.util.getNodesByClass("vtkMRMLMarkupsNode", self._scene) if self.owns(node)]

    def owns(self, node):
        """Tell whether a node of the scene holds prompts of this segment."""
        return (
            node.GetAttribute(SEGMENT_ATTRIBUTE) == self._segmentId
            and node.GetNodeReferenceID(SEGMENTATION_ROLE) == self._segmentationNode.GetID()
        )

    @property
    def count(self):
        """Number of prompts."""
        return len(self._entries())

    def addPoint(self, ras, positive=True):
        """Add a click at a world position [mm]."""
        node = self._pointList(positive)
        number = self._nextNumber()
        index = node.AddControlPointWorld(vtk.vtkVector3d(*[float(value) for value in ras]))
        node.SetNthControlPointDescription(index, str(number))

    def addFlatBox(self, plane, corner, opposite):
        """Add a box on a plane between two opposite corners [mm]."""
        box = BoxPrompt.on_plane(plane, corner, opposite)
        right, down = box.axes_ras[:, 0] * box.size_mm[0] / 2, box.axes_ras[:, 1] * box.size_mm[1] / 2
        corners = [box.center_ras + a * right + b * down for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        node = self._addCurve("vtkMRMLMarkupsClosedCurveNode", _("Box"), corners, positive=True)
        node.SetAttribute(FLAT_BOX_ATTRIBUTE, "true")

    def addLasso(self, points, positive=True):
        """Add an outline (n, 3) [mm]."""
        self._addCurve("vtkMRMLMarkupsClosedCurveNode", _("Lasso"), points, positive)

    def addScribble(self, points, radius, positive=True):
        """Add a stroke (n, 3) [mm] of a pen of `radius` [mm]."""
        node = self._addCurve("vtkMRMLMarkupsCurveNode", _("Scribble"), points, positive)
        node.SetAttribute(RADIUS_ATTRIBUTE, f"{radius:g}")

    def addRegion(self, center, size, axes=None):
        """Add a ROI, whose faces can be dragged, and return it.

        Parameters
        ----------
        center, size
            World position and edge lengths [mm].
        axes
            Edge directions as columns (3, 3); None takes the world's.
        """
        node = self._newNode("vtkMRMLMarkupsROINode", _("Region"), positive=True)
        matrix = np.eye(4)
        matrix[:3, :3] = np.eye(3) if axes is None else axes
        matrix[:3, 3] = center
        node.SetSize(*[float(value) for value in size])
        node.SetAndObserveObjectToNodeMatrix(matrixFromArray(np.linalg.inv(localToWorld(node)) @ matrix))
        node.GetDisplayNode().SetHandlesInteractive(True)
        node.GetDisplayNode().SetFillOpacity(0.1)
        return node

    def prompts(self, geometry):
        """Return the prompts, oldest first; `geometry` is the grid of the image."""
        return tuple(_promptOf(entry, geometry) for entry in self._entries())

    def removeLast(self):
        """Remove the newest prompt, if there is one."""
        entries = self._entries()
        if entries:
            self._remove(entries[-1])

    def removeNear(self, isNear):
        """Remove the newest prompt of whose world positions (n, 3) `isNear` is true; return whether there is one."""
        for entry in reversed(self._entries()):
            if isNear(_positionsOf(entry)):
                self._remove(entry)
                return True
        return False

    def clear(self):
        """Remove all prompts of this segment."""
        for node in self.nodes():
            self._removeNode(node)

    def setVisible(self, visible):
        """Show or hide the prompts of this segment."""
        for node in self.nodes():
            node.SetDisplayVisibility(visible)

    def pointNear(self, isNear):
        """Tell whether `isNear` is true of the world position of one of the points, which then can be dragged."""
        positions = [
            prompt.position_ras for node in self.nodes() if _isPointList(node) for prompt in pointPrompts(node)
        ]
        return any(isNear(position) for position in positions)

    def _entries(self):
        entries = []
        for node in self.nodes():
            if _isPointList(node):
                placed = [n for n in range(node.GetNumberOfControlPoints()) if _isPlaced(node, n)]
                entries += [_Entry(_number(node.GetNthControlPointDescription(n)), node, n) for n in placed]
            elif node.GetNumberOfDefinedControlPoints() > 0:
                entries.append(_Entry(_number(node.GetAttribute(NUMBER_ATTRIBUTE)), node))
        return sorted(entries, key=lambda entry: entry.number)

    def _nextNumber(self):
        return 1 + max((entry.number for entry in self._entries()), default=0)

    def _remove(self, entry):
        if entry.point is None:
            self._removeNode(entry.node)
        else:
            entry.node.RemoveNthControlPoint(entry.point)

    def _removeNode(self, node):
        node.SetDisplayVisibility(False)  # a view that is drawn before it hears of the removal would still show it
        self._scene.RemoveNode(node)

    def _pointList(self, positive):
        for node in self.nodes():
            if _isPointList(node) and isPositive(node) == positive:
                return node
        return self._newNode("vtkMRMLMarkupsFiducialNode", _("Inside") if positive else _("Outside"), positive)

    def _addCurve(self, className, name, points, positive):
        node = self._newNode(className, name, positive)
        node.SetCurveTypeToLinear()
        node.SetNumberOfPointsPerInterpolatingSegment(1)
        slicer.util.updateMarkupsControlPointsFromArray(node, np.asarray(points, dtype=float), world=True)
        node.SetLocked(True)  # a click beside it is the next prompt
        node.GetDisplayNode().SetGlyphScale(LINE_PERCENT)  # the points are as thick as the line and not seen
        node.GetDisplayNode().SetLineThickness(1.0)
        return node

    def _newNode(self, className, name, positive):
        number = self._nextNumber()
        segment = self._segmentationNode.GetSegmentation().GetSegment(self._segmentId)
        node = self._scene.AddNewNodeByClass(className, f"{name} ({segment.GetName()})")
        node.SetAttribute(SEGMENT_ATTRIBUTE, self._segmentId)
        node.SetAttribute(NUMBER_ATTRIBUTE, str(number))
        node.SetNodeReferenceID(SEGMENTATION_ROLE, self._segmentationNode.GetID())
        node.SetAndObserveTransformNodeID(self._volumeNode.GetTransformNodeID())
        setPositive(node, positive)
        _style(node, positive)
        return node


def removeOrphans(scene):
    """Remove prompts whose segmentation is not in the scene any more."""
    for node in slicer.util.getNodesByClass("vtkMRMLMarkupsNode", scene):
        if node.GetAttribute(SEGMENT_ATTRIBUTE) and node.GetNodeReference(SEGMENTATION_ROLE) is None:
            scene.RemoveNode(node)


def _promptOf(entry, geometry):
    if entry.point is not None:
        # the list holds points that are not placed yet, which have no prompt
        placed = sum(_isPlaced(entry.node, index) for index in range(entry.point))
        return pointPrompts(entry.node)[placed]
    if entry.node.GetAttribute(FLAT_BOX_ATTRIBUTE) == "true":
        first, right, opposite, down = slicer.util.arrayFromMarkupsControlPoints(entry.node, world=True)
        return BoxPrompt.on_plane(SlicePlane(first, right - first, down - first), first, opposite)
    (prompt,) = promptsFromNode(entry.node, geometry)
    return prompt


def _positionsOf(entry):
    """Return the world positions (n, 3) along a prompt; a closed outline ends where it began."""
    points = slicer.util.arrayFromMarkupsControlPoints(entry.node, world=True)
    if entry.point is not None:
        return points[entry.point][None]
    return np.concatenate([points, points[:1]]) if entry.node.IsA("vtkMRMLMarkupsClosedCurveNode") else points


def _isPointList(node):
    return node.IsA("vtkMRMLMarkupsFiducialNode")


def _isPlaced(node, index):
    return node.GetNthControlPointPositionStatus(index) == node.PositionDefined


def _number(text):
    """Return the place in the order that a text holds; what a user has added by hand has none and counts as old."""
    return int(text) if text and text.isdecimal() else 0


def _style(node, positive):
    node.CreateDefaultDisplayNodes()
    display, color = node.GetDisplayNode(), POSITIVE_COLOR if positive else NEGATIVE_COLOR
    display.SetGlyphType(display.ThickCross2D if positive else display.Circle2D)
    display.SetColor(*color)
    display.SetSelectedColor(*color)
    display.SetActiveColor(1, 1, 0)
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(False)
    display.SetUseGlyphScale(True)
    display.SetGlyphScale(GLYPH_PERCENT)
    display.SetSnapMode(display.SnapModeUnconstrained)
