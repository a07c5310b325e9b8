"""What the mouse draws in a slice view, until it becomes a prompt."""

from __future__ import annotations

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from .oriented import matrixToArray

SMALLEST_STEP = 3.0
"""Points of a line lie at least this far apart [pixels]."""


def positionInWorld(sliceNode, xy):
    """Return the world position (3,) [mm] below a pixel of a slice view."""
    return matrixToArray(sliceNode.GetXYToRAS())[:3] @ (xy[0], xy[1], 0, 1)


def distanceInView(sliceNode, positions, xy):
    """Return how far a line lies from a pixel in the plane of the view, and at most from that plane [pixels].

    Parameters
    ----------
    sliceNode
        The view.
    positions
        World positions (n, 3) [mm] along the line; one is a point.
    xy
        The pixel.
    """
    inverse = np.linalg.inv(matrixToArray(sliceNode.GetXYToRAS()))
    inView = np.asarray(positions) @ inverse[:3, :3].T + inverse[:3, 3]
    corners = inView[:, :2] - xy
    starts, steps = corners, np.diff(corners, axis=0, append=corners[-1:])
    lengths = np.maximum((steps**2).sum(axis=1), 1e-12)
    along = np.clip(-(starts * steps).sum(axis=1) / lengths, 0, 1)
    nearest = starts + along[:, None] * steps
    return float(np.hypot(*nearest.T).min()), float(np.abs(inView[:, 2]).max())


class DrawnLine:
    """A line or a rectangle that follows the mouse.

    Parameters
    ----------
    renderer, sliceNode
        The view.
    start
        Pixel where the button went down.
    color
        Red, green, blue in [0, 1].
    isRectangle
        Span a rectangle from the start to the mouse; otherwise draw freely.
    """

    def __init__(self, renderer, sliceNode, start, color, isRectangle):
        self._renderer, self._sliceNode, self._isRectangle = renderer, sliceNode, isRectangle
        self._pixels = [np.array(start, dtype=float)]
        self._polyData = vtk.vtkPolyData()
        mapper = vtk.vtkPolyDataMapper2D()
        mapper.SetInputData(self._polyData)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(mapper)
        self._actor.GetProperty().SetColor(*color)
        self._actor.GetProperty().SetLineWidth(2)
        renderer.AddViewProp(self._actor)

    @property
    def worldPoints(self):
        """World positions [mm]: of two opposite corners (2, 3), or along the line (n, 3)."""
        return np.array([positionInWorld(self._sliceNode, pixel) for pixel in self._pixels])

    def moveTo(self, xy):
        """Follow the mouse to a pixel."""
        pixel = np.array(xy, dtype=float)
        if self._isRectangle:
            self._pixels[1:] = [pixel]
        elif np.linalg.norm(pixel - self._pixels[-1]) >= SMALLEST_STEP:
            self._pixels.append(pixel)
        self._draw()

    @property
    def isLong(self):
        """Whether the mouse has moved enough to mean something, in both directions for a rectangle."""
        span = np.ptp(self._pixels, axis=0)
        return bool((span.min() if self._isRectangle else span.max()) >= SMALLEST_STEP)

    def remove(self):
        """Take the line out of the view."""
        self._renderer.RemoveViewProp(self._actor)

    def _draw(self):
        corners = self._pixels
        if self._isRectangle:
            (left, top), (right, bottom) = corners[0], corners[-1]
            corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        points = vtk.vtkPoints()
        points.SetData(numpy_to_vtk(np.c_[corners, np.zeros(len(corners))], deep=True))
        lines = vtk.vtkCellArray()
        lines.InsertNextCell(len(corners))
        for index in range(len(corners)):
            lines.InsertCellPoint(index)
        self._polyData.SetPoints(points)
        self._polyData.SetLines(lines)
