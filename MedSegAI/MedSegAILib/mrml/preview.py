"""A probability on the slices, before anything is written: what is above the threshold shows in the segment's colour.

One voxel shows as it would be written, in views of any orientation. Moving the threshold or pulsing only changes a
table of 256 colours.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from .oriented import matrixFromArray, matrixToArray

LEVELS = 256


class PreviewColors:
    """The table from probability levels to colours that all views share."""

    def __init__(self):
        self.table = vtk.vtkLookupTable()
        self.table.SetNumberOfTableValues(LEVELS)
        self.table.SetTableRange(0, LEVELS - 1)

    def update(self, color, opacity, threshold):
        """Show what is at least as probable as `threshold`.

        Parameters
        ----------
        color
            Red, green, blue in [0, 1].
        opacity
            In [0, 1].
        threshold
            Probability in (0, 1).
        """
        values = np.zeros((LEVELS, 4), dtype=np.uint8)
        values[int(np.ceil(threshold * (LEVELS - 1))) :] = np.rint(255 * np.array([*color, opacity]))
        self.table.SetTable(numpy_to_vtk(values, deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))


class PreviewImage:
    """A probability patch as an image that slice views can cut."""

    def __init__(self, patch):
        self.image = vtk.vtkImageData()
        self._geometry = patch.geometry
        self._start, self._shape = np.array(patch.offset[::-1]), np.array(patch.array.shape[::-1])
        if patch.array.dtype == bool:
            levels = patch.array * np.uint8(LEVELS - 1)
        else:
            levels = np.rint(np.asarray(patch.array, dtype=np.float32) * (LEVELS - 1)).astype(np.uint8)
        ends = self._start + self._shape - 1
        self.image.SetExtent(*[int(n) for pair in zip(self._start, ends, strict=True) for n in pair])
        self.image.GetPointData().SetScalars(numpy_to_vtk(levels.ravel(), deep=True))

    @property
    def rasToIjk(self):
        """Matrix (4, 4) from the world to the voxels of the whole volume."""
        return self._geometry.ras_to_ijk

    def meets(self, xyToRas):
        """Tell whether the plane z = 0 of a view passes through a voxel of the patch."""
        corners = np.array(list(product((0, 1), repeat=3))) * self._shape - 0.5 + self._start
        inView = np.linalg.inv(xyToRas) @ np.c_[self._geometry.to_ras(corners), np.ones(8)].T
        return bool(inView[2].min() < 0 < inView[2].max())


class ViewPreview:
    """The preview in one slice view."""

    def __init__(self, renderer, sliceNode, colors):
        self.sliceNode = sliceNode
        self._renderer, self._colors = renderer, colors
        self._layers = []

    @property
    def isVisible(self):
        """Whether the view shows anything of the preview."""
        return any(layer.actor.GetVisibility() for layer in self._layers)

    def show(self, images):
        """Show these images, and no others."""
        self.remove()
        self._layers = [_Layer(image, self._colors) for image in images]
        for layer in self._layers:
            self._renderer.AddViewProp(layer.actor)
        self.place()

    def place(self):
        """Follow the slice node after it moved."""
        for layer in self._layers:
            layer.place(self.sliceNode)

    def remove(self):
        """Take everything out of the view."""
        for layer in self._layers:
            self._renderer.RemoveViewProp(layer.actor)
        self._layers = []


class _Layer:
    """One image in one view: cut, coloured, drawn."""

    def __init__(self, image, colors):
        self._image = image
        self._reslice = vtk.vtkImageReslice()
        self._reslice.SetInputData(image.image)
        self._reslice.SetInterpolationModeToNearestNeighbor()
        self._reslice.SetOutputDimensionality(2)
        self._reslice.SetBackgroundLevel(0)
        self._reslice.GenerateStencilOutputOff()
        toColor = vtk.vtkImageMapToColors()
        toColor.SetInputConnection(self._reslice.GetOutputPort())
        toColor.SetLookupTable(colors.table)
        toColor.SetOutputFormatToRGBA()
        mapper = vtk.vtkImageMapper()
        mapper.SetInputConnection(toColor.GetOutputPort())
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        self.actor = vtk.vtkActor2D()
        self.actor.SetMapper(mapper)

    def place(self, sliceNode):
        xyToRas = matrixToArray(sliceNode.GetXYToRAS())
        isMet = self._image.meets(xyToRas)
        self.actor.SetVisibility(isMet)
        if not isMet:
            return
        transform = vtk.vtkMatrixToLinearTransform()
        transform.SetInput(matrixFromArray(self._image.rasToIjk @ xyToRas))
        self._reslice.SetResliceTransform(transform)
        width, height = sliceNode.GetDimensions()[:2]
        self._reslice.SetOutputExtent(0, width - 1, 0, height - 1, 0, 0)
        self._reslice.SetOutputSpacing(1, 1, 1)
        self._reslice.SetOutputOrigin(0, 0, 0)
