"""Volumes with segments drawn on them, as examples to learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import slicer
from MedSegAICore.errors import InvalidSupport
from MedSegAICore.fewshot.examples import Example

from .oriented import imageToWorld, localToWorld, scalarsAsArray
from .prompts import segmentPatch
from .segments import lookOf
from .translation import tr as _
from .volumes import imageVolume

LEAST_INSIDE = 0.5
"""Share of a segment that must lie in the image; less means that it was drawn on another one."""


def segmentNames(segmentationNode):
    """Return the names of all segments, each once."""
    segmentation = segmentationNode.GetSegmentation()
    ids = segmentation.GetSegmentIDs()
    return tuple(dict.fromkeys(segmentation.GetSegment(segmentId).GetName() for segmentId in ids))


def drawnNames(segmentationNode, names):
    """Return those of some names that segments with voxels have."""
    segmentation = segmentationNode.GetSegmentation()
    known = {name: segmentation.GetSegmentIdBySegmentName(name) for name in names}
    return tuple(name for name, segmentId in known.items() if segmentId and _volumeOf(segmentationNode, segmentId) > 0)


def exampleFromNodes(volumeNode, segmentationNode, names=None, image=None):
    """Return a volume and the segments on it as an `Example`.

    Parameters
    ----------
    volumeNode
        The scalar volume.
    segmentationNode
        The segmentation; both may be under linear transforms, and their grids may differ.
    names
        Names of the segments; None takes all that are not empty.
    image
        The `ImageVolume` of the volume, if it is known.

    Raises
    ------
    InvalidSupport
        A segment is missing or empty, or does not lie in the image; the message names volume and segment.
    InvalidImage, NonLinearTransform, ShearedGeometry, GeometryMismatch
        As for `imageVolume`.
    """
    image = image or imageVolume(volumeNode)
    segmentation, masks = segmentationNode.GetSegmentation(), {}
    for name in names or segmentNames(segmentationNode):
        segmentId = segmentation.GetSegmentIdBySegmentName(name)
        drawn = _volumeOf(segmentationNode, segmentId) if segmentId else 0.0
        if drawn == 0 and names is None:
            continue
        masks[name] = _maskInside(volumeNode, segmentationNode, name, image, drawn)
    if not masks:
        message = _("Nothing is drawn in '{segmentation}'.").format(segmentation=segmentationNode.GetName())
        raise InvalidSupport(message, _("Draw the structure on '{volume}' first.").format(volume=volumeNode.GetName()))
    return Example(image, masks, volumeNode.GetName())


def looksFromNodes(segmentationNode):
    """Return the `SegmentLook` of every segment by its name."""
    segmentation = segmentationNode.GetSegmentation()
    segments = [segmentation.GetSegment(segmentId) for segmentId in segmentation.GetSegmentIDs()]
    return {segment.GetName(): lookOf(segment) for segment in reversed(segments)}  # of two of one name the first counts


def commonLabels(shown):
    """Return the structures that all examples show, in the order of the first; there may be none."""
    return tuple(label for label in (shown[0] if shown else ()) if all(label in labels for labels in shown))


def sharedLabels(shown):
    """Return the structures that all examples show, in the order of the first; `shown` holds the labels of each.

    Raises
    ------
    InvalidSupport
        There is no example, or nothing that all of them show.
    """
    shared = commonLabels(shown)
    if not shared:
        message = _("There is no structure that all examples show.")
        raise InvalidSupport(message, _("Give the segments of one structure the same name in every example."))
    return shared


def withLabels(example, labels):
    """Return an example with some of its structures only."""
    return replace(example, masks={label: example.masks[label] for label in labels})


def _maskInside(volumeNode, segmentationNode, name, image, drawn):
    """Return a segment that was drawn with so many mm³ as a mask on the grid of the image."""
    names = {"volume": volumeNode.GetName(), "segmentation": segmentationNode.GetName(), "segment": name}
    if drawn == 0:
        message = _("The segment '{segment}' of '{segmentation}' is missing or empty.").format(**names)
        raise InvalidSupport(message, _("Draw it on '{volume}', or leave this example out.").format(**names))
    segmentId = segmentationNode.GetSegmentation().GetSegmentIdBySegmentName(name)
    mask = segmentPatch(segmentationNode, segmentId, image.geometry)
    inside = np.count_nonzero(mask.array) * _voxelVolume(image.geometry.ijk_to_ras)
    if inside < LEAST_INSIDE * drawn:
        message = _("The segment '{segment}' of '{segmentation}' does not lie in the volume '{volume}'.")
        raise InvalidSupport(message.format(**names), _("Choose the volume that it was drawn on."))
    return mask


def _volumeOf(segmentationNode, segmentId):
    """Return the volume of a segment in the world [mm³]."""
    image = slicer.vtkOrientedImageData()
    if not segmentationNode.GetBinaryLabelmapRepresentation(segmentId, image) or image.IsEmpty():
        return 0.0
    voxel = _voxelVolume(localToWorld(segmentationNode) @ imageToWorld(image))
    return np.count_nonzero(scalarsAsArray(image)) * voxel


def _voxelVolume(ijkToRas):
    return abs(np.linalg.det(ijkToRas[:3, :3]))
