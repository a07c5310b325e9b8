"""The mouse and the keys in slice views, as prompts."""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from ..mrml.drawn_line import DrawnLine, distanceInView, positionInWorld
from ..mrml.prompt_store import NEGATIVE_COLOR, POSITIVE_COLOR
from ..mrml.prompts import slicePlane
from .prompt_settings import BOX, LASSO, POINT
from .slice_previews import sliceWidgets

REGION_SHARE = 0.25
"""Edge length of a new region as a share of what the view shows."""

GRAB_DISTANCE = 8
"""What is this near to the mouse is under it: points to drag, prompts to remove [pixels]."""


class PromptMouse:
    """Turns what happens in slice views into prompts of a session.

    Parameters
    ----------
    session
        The `PromptSession`.
    mayEdit
        Asked before the first prompt whether the segment may be changed; false ignores the click.
    """

    def __init__(self, session, mayEdit):
        self._session, self._mayEdit = session, mayEdit
        self._line = self._plane = self._addTo = self._lastView = None
        self.tool, self.positive, self.radius = POINT, True, 2.0

    def press(self, interactor, sliceWidget):
        """Start a prompt; return whether the click belongs to it."""
        xy, sliceNode = interactor.GetEventPosition(), sliceWidget.mrmlSliceNode()
        if interactor.GetShiftKey() or interactor.GetAltKey() or not _isForEditing() or self._session.store is None:
            return False
        if self.tool == POINT and self._isOnPoint(sliceNode, xy):
            return False
        if not self._mayEdit():
            return True
        positive = self.positive != bool(interactor.GetControlKey())
        if self.tool == POINT:
            ras = positionInWorld(sliceNode, xy)
            self._session.add(slicePlane(sliceNode), lambda store: store.addPoint(ras, positive))
            return True
        renderer = sliceWidget.sliceView().renderWindow().GetRenderers().GetFirstRenderer()
        color = POSITIVE_COLOR if positive or self.tool == BOX else NEGATIVE_COLOR
        self._line = DrawnLine(renderer, sliceNode, xy, color, isRectangle=self.tool == BOX)
        self._plane, self._addTo = slicePlane(sliceNode), self._adder(slicePlane(sliceNode), positive)
        return True

    def move(self, interactor, sliceWidget):
        """Draw on; return whether the mouse is drawing."""
        self._lastView = sliceWidget
        if self._line is None:
            return False
        self._line.moveTo(interactor.GetEventPosition())
        sliceWidget.sliceView().scheduleRender()
        return True

    def release(self, interactor, sliceWidget):
        """Finish what was drawn; return whether there was anything."""
        if self._line is None:
            return False
        self._line.moveTo(interactor.GetEventPosition())
        line, addTo = self._line, self._addTo
        self.stop()
        sliceWidget.sliceView().scheduleRender()
        if line.isLong:
            self._session.add(self._plane, lambda store: addTo(store, line.worldPoints))
        return True

    def addRegion(self):
        """Add a box with depth in the middle of the view that the mouse was in last."""
        node = (self._lastView or sliceWidgets()[0]).mrmlSliceNode()
        plane = slicePlane(node)
        axes = np.stack([plane.right_ras, plane.down_ras, plane.normal_ras], axis=1)
        center = positionInWorld(node, [size / 2 for size in node.GetDimensions()[:2]])
        edge = REGION_SHARE * min(node.GetFieldOfView()[:2])
        if self._session.store is not None and self._mayEdit():
            self._session.add(plane, lambda store: store.addRegion(center, (edge, edge, edge), axes))

    def remove(self, interactor, sliceWidget):
        """Remove the prompt under the mouse; return whether there is one."""
        xy, sliceNode = interactor.GetEventPosition(), sliceWidget.mrmlSliceNode()
        if not _isForEditing():
            return False
        return self._session.removePrompt(lambda positions: _isNear(sliceNode, positions, xy))

    def stop(self):
        """Drop what is half drawn."""
        if self._line is not None:
            self._line.remove()
        self._line = None

    def _adder(self, plane, positive):
        """Return what puts the world points of a drawn line into a store."""
        radius = self.radius
        if self.tool == BOX:
            return lambda store, points: store.addFlatBox(plane, points[0], points[-1])
        if self.tool == LASSO:
            return lambda store, points: store.addLasso(points, positive)
        return lambda store, points: store.addScribble(points, radius, positive)

    def _isOnPoint(self, sliceNode, xy):
        return self._session.store.pointNear(lambda position: _isNear(sliceNode, [position], xy))


def _isNear(sliceNode, positions, xy):
    across, away = distanceInView(sliceNode, positions, xy)
    return across <= GRAB_DISTANCE and away <= 1


def _isForEditing():
    """Tell whether a click in a view is for the effect, not for placing markups or for window and level."""
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    if interaction is None:
        return True
    return interaction.GetCurrentInteractionMode() not in (interaction.Place, interaction.AdjustWindowLevel)


MOUSE = {
    vtk.vtkCommand.LeftButtonPressEvent: PromptMouse.press,
    vtk.vtkCommand.MouseMoveEvent: PromptMouse.move,
    vtk.vtkCommand.LeftButtonReleaseEvent: PromptMouse.release,
}
"""What is done at which event of a slice view."""
