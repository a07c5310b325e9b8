"""Volume nodes of the scene as volumes of the core."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from MedSegAICore.errors import InvalidImage
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.volume import ImageVolume, VolumePatch, nonzero_bounds

from .oriented import extentOf, localToWorld, matrixToArray, resampleMask, scalarsAsArray
from .translation import tr as _


def imageVolume(volumeNode):
    """Return a scalar volume node as an `ImageVolume` in the world, sharing the node's voxels.

    A proxy node of a sequence gives the frame that it shows.

    Raises
    ------
    InvalidImage
        There is no scalar volume: nothing is selected, it is empty, a time series, or has several components.
    NonLinearTransform, ShearedGeometry, GeometryMismatch
        The voxels do not lie on a grid with right angles in the world.
    """
    _checkScalarVolume(volumeNode)
    image = volumeNode.GetImageData()
    return ImageVolume(scalarsAsArray(image), volumeGeometry(volumeNode), voxel_version=image.GetMTime)


def volumeGeometry(volumeNode):
    """Return the grid of a volume node in the world, with all its linear parent transforms."""
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    shape = volumeNode.GetImageData().GetDimensions()[::-1]
    return VolumeGeometry(shape, localToWorld(volumeNode) @ matrixToArray(matrix))


def labelMapPatch(labelMapNode, geometry, labelValue=None):
    """Return a label map node as a mask on the grid of an image.

    Parameters
    ----------
    labelMapNode
        The label map; it is resampled if its grid differs.
    geometry
        Grid of the image.
    labelValue
        Which label; None takes every voxel that is not zero.
    """
    _checkScalarVolume(labelMapNode)
    labels = scalarsAsArray(labelMapNode.GetImageData())
    mask = labels != 0 if labelValue is None else labels == labelValue
    own = volumeGeometry(labelMapNode)
    if own.matches(geometry):
        return VolumePatch.whole(mask, geometry).tight()
    return maskOnGrid(mask, own.ijk_to_ras, geometry)


def maskOnGrid(mask, maskIjkToRas, geometry):
    """Return `mask` (k, j, i) with its own matrix (4, 4) as a patch on the grid of an image."""
    bounds = nonzero_bounds(mask)
    if bounds is None:
        return emptyPatch(geometry)
    start = np.eye(4)
    start[:3, 3] = [cut.start for cut in reversed(bounds)]
    extent = extentOf((0, 0, 0), geometry.shape)
    resampled, offset = resampleMask(mask[bounds], maskIjkToRas @ start, geometry.ijk_to_ras, extent)
    return VolumePatch(resampled, offset, geometry).tight() if resampled.any() else emptyPatch(geometry)


def emptyPatch(geometry):
    """Return a mask of no voxels on a grid."""
    return VolumePatch(np.zeros((0, 0, 0), dtype=bool), (0, 0, 0), geometry)


def hardenTransform(node):
    """Apply every parent transform of `node` to the node itself, then leave it without a parent.

    This is what the advice of `NonLinearTransform` offers: a volume under a bending transform is resampled.

    Raises
    ------
    InvalidImage
        The node refuses, for instance because it holds no data.
    """
    if not node.HardenTransform():
        message = _("The transform cannot be hardened on '{name}'.").format(name=node.GetName())
        raise InvalidImage(message, _("Resample the volume, then try again."))


def _checkScalarVolume(node):
    if node is None:
        message = _("No volume is selected.")
        raise InvalidImage(message, _("Select a volume."))
    name = node.GetName()
    if isinstance(node, slicer.vtkMRMLSequenceNode):
        message = _("'{name}' is a time series.").format(name=name)
        raise InvalidImage(message, _("Choose the volume that shows one frame of it."))
    if not isinstance(node, slicer.vtkMRMLScalarVolumeNode):
        message = _("'{name}' is not a scalar volume.").format(name=name)
        raise InvalidImage(message)
    image = node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None or image.GetNumberOfPoints() == 0:
        message = _("'{name}' has no voxels.").format(name=name)
        raise InvalidImage(message)
    components = image.GetNumberOfScalarComponents()
    if components != 1:
        message = _("'{name}' has {count} values in each voxel; it is a colour image or a time series.")
        advice = _("Convert it to one scalar volume, or choose one frame, then try again.")
        raise InvalidImage(message.format(name=name, count=components), advice)
