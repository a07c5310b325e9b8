"""Previews in all slice views of the layout: shown, moved with the views, pulsing."""

from __future__ import annotations

import math

import qt
import slicer
import vtk

from ..mrml.preview import PreviewColors, PreviewImage, ViewPreview

PULSE_INTERVAL = 100
"""Time between two brightness steps [ms]."""
PULSE_STEPS = 12
"""Steps of one pulse."""
FAINTEST, STRONGEST = 0.3, 0.65
"""Opacity between which a preview pulses."""


def sliceWidgets():
    """Return the slice views of the layout."""
    layout = slicer.app.layoutManager()
    return [layout.sliceWidget(name) for name in layout.sliceViewNames()] if layout is not None else []


def jumpTo(position):
    """Show a world position (3,) [mm] in every slice view of the layout."""
    for widget in sliceWidgets():
        widget.mrmlSliceNode().JumpSliceByOffsetting(*position)


class SlicePreviews:
    """Shows probability patches in every slice view until they are applied or dropped."""

    def __init__(self):
        self._groups, self._views = [], []
        self._threshold, self._step = 0.5, 0
        self._pulse = qt.QTimer()
        self._pulse.connect("timeout()", self._brighten)

    @property
    def isShown(self):
        """Whether there is something to preview; it may lie on slices that no view shows now."""
        return bool(self._groups)

    def show(self, patches, color, threshold):
        """Show these probability patches or masks (`VolumePatch`) in `color`, and nothing else."""
        self.showGroups([(patches, color)], threshold)

    def showGroups(self, groups, threshold):
        """Show groups of patches, each (patches, colour), and nothing else."""
        self.hide()
        for patches, color in groups:
            images = [PreviewImage(patch) for patch in patches if patch.array.size]
            if images:
                self._groups.append(_Group(images, color))
        if not self._groups:
            return
        self._threshold = threshold
        self._colorize()
        self.useLayout()
        self._pulse.start(PULSE_INTERVAL)

    def setColors(self, color, threshold):
        """Change colour and threshold of what is shown, which is one group."""
        if any(color != group.color for group in self._groups) or threshold != self._threshold:
            for group in self._groups:
                group.color = color
            self._threshold = threshold
            self._refresh()

    def setThreshold(self, threshold):
        """Change the threshold of what is shown."""
        if threshold != self._threshold:
            self._threshold = threshold
            self._refresh()

    def useLayout(self):
        """Move to the slice views that the layout has now."""
        self._leaveViews()
        if self._groups:
            self._views = [_View(widget, self._groups) for widget in sliceWidgets()]

    def hide(self):
        """Remove everything from the views."""
        self._pulse.stop()
        self._groups = []
        self._leaveViews()

    def _leaveViews(self):
        for view in self._views:
            view.remove()
        self._views = []

    def _brighten(self):
        self._step = (self._step + 1) % PULSE_STEPS
        self._refresh()

    def _refresh(self):
        self._colorize()
        for view in self._views:
            view.renderIfVisible()

    def _colorize(self):
        share = 0.5 - 0.5 * math.cos(2 * math.pi * self._step / PULSE_STEPS)
        for group in self._groups:
            group.colors.update(group.color, STRONGEST - (STRONGEST - FAINTEST) * share, self._threshold)


class _Group:
    """Images of one colour."""

    def __init__(self, images, color):
        self.images, self.color, self.colors = images, color, PreviewColors()


class _View:
    """A slice widget and the previews in it."""

    def __init__(self, sliceWidget, groups):
        self._sliceView = sliceWidget.sliceView()
        self._node = sliceWidget.mrmlSliceNode()
        renderer = self._sliceView.renderWindow().GetRenderers().GetFirstRenderer()
        self._previews = []
        for group in groups:
            self._previews.append(ViewPreview(renderer, self._node, group.colors))
            self._previews[-1].show(group.images)
        self._observation = self._node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._follow)
        self.renderIfVisible()

    def renderIfVisible(self):
        if any(preview.isVisible for preview in self._previews):
            self._sliceView.scheduleRender()

    def remove(self):
        self._node.RemoveObserver(self._observation)
        for preview in self._previews:
            preview.remove()
        self._sliceView.scheduleRender()

    def _follow(self, _caller, _event):
        for preview in self._previews:
            preview.place()
