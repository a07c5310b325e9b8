"""Arrays (k, j, i) and VTK's oriented images: the same voxels in two dresses."""

from __future__ import annotations

from itertools import product

import numpy as np
import slicer
import vtk
from MedSegAICore.errors import NonLinearTransform
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from .translation import tr as _

INSIDE = 255
"""Value of an inside voxel while a mask is resampled: the more steps, the truer the half-way threshold."""


def matrixToArray(matrix):
    """Return a vtkMatrix4x4 as an array (4, 4)."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrixFromArray(array):
    """Return an array (4, 4) as a vtkMatrix4x4."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy([float(value) for value in np.asarray(array).ravel()])
    return matrix


def localToWorld(node):
    """Return the matrix (4, 4) from the coordinates of `node` to the world, through all its parent transforms.

    Raises
    ------
    NonLinearTransform
        A parent transform bends space.
    """
    transform = node.GetParentTransformNode()
    matrix = vtk.vtkMatrix4x4()
    if transform is not None:
        if not transform.IsTransformToWorldLinear():
            message = _("'{name}' is under the non-linear transform '{transform}'.")
            advice = _("Harden the transform on '{name}', then try again.").format(name=node.GetName())
            raise NonLinearTransform(message.format(name=node.GetName(), transform=transform.GetName()), advice)
        transform.GetMatrixTransformToWorld(matrix)
    return matrixToArray(matrix)


def scalarsAsArray(image):
    """Return the scalars of a vtkImageData as an array (k, j, i) that shares its memory."""
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def imageToWorld(image):
    """Return the matrix (4, 4) of a vtkOrientedImageData, from voxel indices to its coordinates."""
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return matrixToArray(matrix)


def extentOf(offset, shape):
    """Return VTK's extent (i0, i1, j0, j1, k0, k1) of a box that starts at `offset` (k, j, i)."""
    ends = zip(offset[::-1], shape[::-1], strict=True)
    return [bound for start, size in ends for bound in (start, start + size - 1)]


def orientedImage(array, ijkToRas, offset=(0, 0, 0)):
    """Return a copy of a uint8 or bool `array` (k, j, i) as a vtkOrientedImageData.

    Parameters
    ----------
    array
        Values of a box of the grid.
    ijkToRas
        Matrix (4, 4) of the whole grid.
    offset
        First voxel of the box (k, j, i) in the grid.
    """
    image = _emptyImage(ijkToRas, extentOf(offset, array.shape))
    values = np.ascontiguousarray(array, dtype=np.uint8).ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(values, deep=True))
    return image


def _emptyImage(ijkToRas, extent):
    image = slicer.vtkOrientedImageData()
    image.SetExtent(*extent)
    image.SetImageToWorldMatrix(matrixFromArray(ijkToRas))
    return image


def resampleMask(mask, maskIjkToRas, gridIjkToRas, gridExtent):
    """Return a mask on another grid, no larger than it must be.

    A voxel of the grid is inside if the linearly interpolated mask is at least one half at its centre: flat faces
    stay where nearest neighbours would put them, and oblique ones become smoother.

    Parameters
    ----------
    mask
        bool (k, j, i).
    maskIjkToRas
        Matrix (4, 4) from the voxels of `mask` to the coordinates of the grid.
    gridIjkToRas
        Matrix (4, 4) of the other grid.
    gridExtent
        Extent (i0, i1, j0, j1, k0, k1) that the answer may not leave.

    Returns
    -------
    resampled, offset
        bool (k, j, i) and its first voxel (k, j, i) in the grid; an empty array if nothing lies in the extent.
    """
    padded = np.pad(mask, 1).astype(np.uint8) * INSIDE
    extent = _extentAround(mask.shape, np.linalg.inv(gridIjkToRas) @ maskIjkToRas, gridExtent)
    offset = tuple(extent[::2][::-1])
    if any(end < start for start, end in zip(extent[::2], extent[1::2], strict=True)):
        return np.zeros((0, 0, 0), dtype=bool), offset
    output = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        orientedImage(padded, maskIjkToRas, (-1, -1, -1)), _emptyImage(gridIjkToRas, extent), output, True
    )
    return scalarsAsArray(output) >= INSIDE / 2, offset


def _extentAround(shape, maskToGrid, gridExtent):
    """Return the part of `gridExtent` that a box of `shape` (k, j, i) can reach."""
    corners = np.array(list(product(*[(-0.5, size - 0.5) for size in shape[::-1]])))
    positions = corners @ maskToGrid[:3, :3].T + maskToGrid[:3, 3]
    lowest, highest = np.floor(positions.min(axis=0)), np.ceil(positions.max(axis=0))
    extent = []
    for axis in range(3):
        extent.append(max(int(lowest[axis]), gridExtent[2 * axis]))
        extent.append(min(int(highest[axis]), gridExtent[2 * axis + 1]))
    return extent
