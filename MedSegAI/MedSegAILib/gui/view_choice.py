"""The slice view that an effect works on: chosen in a list, or by a click in a view."""

from __future__ import annotations

import vtk

from ..mrml.prompts import slicePlane
from .list_widgets import refill, setIndex
from .slice_previews import sliceWidgets

CHOOSING_EVENTS = (
    vtk.vtkCommand.LeftButtonPressEvent,
    vtk.vtkCommand.MouseWheelForwardEvent,
    vtk.vtkCommand.MouseWheelBackwardEvent,
)
"""What makes a slice view the one that is worked on."""

PARAMETER = "View"
"""The parameter of the effect that holds the view's name."""


class ViewChoice:
    """Shows and changes which view counts.

    Parameters
    ----------
    selector
        The combo box.
    parameters
        The `EffectParameters` of the effect.
    """

    def __init__(self, selector, parameters):
        self._selector, self._parameters, self._views = selector, parameters, []
        selector.connect("currentIndexChanged(int)", lambda index: parameters.set(PARAMETER, self._views[index]))

    @property
    def plane(self):
        """The `SlicePlane` of the chosen view; None without one."""
        names = {widget.mrmlSliceNode().GetLayoutName(): widget for widget in sliceWidgets()}
        widget = names.get(self._parameters.text(PARAMETER), next(iter(names.values()), None))
        return slicePlane(widget.mrmlSliceNode()) if widget is not None else None

    def choose(self, viewWidget, eventId):
        """Choose a view in which something has happened, if that tells that it is worked on."""
        if eventId in CHOOSING_EVENTS:
            self._parameters.set(PARAMETER, viewWidget.mrmlSliceNode().GetLayoutName())

    def show(self):
        """Bring the list up to date with the layout and the scene."""
        nodes = [widget.mrmlSliceNode() for widget in sliceWidgets()]
        titles = [_viewTitle(node) for node in nodes]
        views = [node.GetLayoutName() for node in nodes]
        selector, chosen = self._selector, self._parameters.text(PARAMETER)
        if self._views != views or [selector.itemText(index) for index in range(selector.count)] != titles:
            self._views = views
            refill(selector, titles)
        setIndex(selector, views.index(chosen) if chosen in views else 0 if views else -1)


def _viewTitle(sliceNode):
    orientation = sliceNode.GetOrientation()
    isNamed = orientation != "Reformat"  # what Slicer calls a view that was turned
    return f"{sliceNode.GetLayoutName()} ({orientation})" if isNamed else sliceNode.GetLayoutName()
