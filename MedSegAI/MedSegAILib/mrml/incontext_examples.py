"""Segments of the scene as examples of an in-context task."""

from __future__ import annotations

from dataclasses import replace

from MedSegAICore.errors import InvalidSupport

from .examples import drawnNames, exampleFromNodes
from .segments import lookOf
from .translation import tr as _


def exampleOfTask(volumeNode, segmentationNode, labels, segmentId="", image=None):
    """Return a volume with the structures of a task that are drawn on it, as an `Example`.

    Parameters
    ----------
    volumeNode, segmentationNode, image
        As for `exampleFromNodes`.
    labels
        Names of the task's structures: segments of these names are taken.
    segmentId
        The segment that is taken where the task has one structure and no segment is called like it.

    Raises
    ------
    InvalidSupport
        None of them is drawn, or one does not lie in the image.
    InvalidImage, NonLinearTransform, ShearedGeometry, GeometryMismatch
        As for `exampleFromNodes`.
    """
    names = drawnNames(segmentationNode, labels)
    if names:
        return exampleFromNodes(volumeNode, segmentationNode, names, image)
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId) if segmentId else None
    if segment is None or len(labels) > 1:
        message = _("No segment with voxels is called {names}.").format(names=_(" or ").join(f"'{n}'" for n in labels))
        raise InvalidSupport(message, _("Draw the structure in a segment of that name."))
    example = exampleFromNodes(volumeNode, segmentationNode, [segment.GetName()], image)
    return replace(example, masks={labels[0]: example.masks[segment.GetName()]})


def segmentOf(segmentationNode, label):
    """Return the id of the segment of a structure, which is added without voxels if there is none."""
    segmentation = segmentationNode.GetSegmentation()
    return segmentation.GetSegmentIdBySegmentName(label) or segmentation.AddEmptySegment("", label)


def looksOfTask(segmentationNode, labels, segmentId=""):
    """Return the `SegmentLook`s of the segments that `exampleOfTask` takes for some structures of a task."""
    segmentation = segmentationNode.GetSegmentation()
    found = {label: segmentation.GetSegmentIdBySegmentName(label) or segmentId for label in labels}
    return {label: lookOf(segmentation.GetSegment(known)) for label, known in found.items() if known}
