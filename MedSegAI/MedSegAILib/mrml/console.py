"""Segment volume nodes in a few lines of Python.

>>> from MedSegAILib.mrml.console import segment
>>> segmentId, result = segment(getNode("CT"), [getNode("F")], getNode("Segmentation"), "Liver")
"""

from __future__ import annotations

from dataclasses import replace

import slicer
from MedSegAICore.errors import InvalidRequest, NodeRemoved
from MedSegAICore.prompts import MaskPrompt
from MedSegAICore.recipe import Recipe, recipes_to_json
from MedSegAICore.request import PromptTask, SegmentationRequest
from MedSegAICore.segmentation_file import RECIPE_TAG, tag_text

from .editor import LogicEditor
from .prompts import promptsFromNode, segmentPatch
from .segments import SegmentWriter
from .translation import tr as _
from .volumes import imageVolume


def segment(
    volumeNode,
    prompts,
    segmentationNode=None,
    segmentName="Segment",
    engine=None,
    editor=None,
    progress=None,
    cancel=None,
    **settings,
):
    """Segment what the prompts point at and write it into a segment. If it fails, the scene is as it was.

    Parameters
    ----------
    volumeNode
        The scalar volume; it may be under linear transforms.
    prompts
        Nodes (points, ROIs, planes, curves, label maps), segments as (segmentation node, name) and prompts of the
        core, in any mixture.
    segmentationNode
        Where the segment goes; None makes a segmentation on the grid of the volume.
    segmentName
        Name of the segment; an existing one of that name is replaced.
    engine
        Who computes; None makes an `Engine` in this process.
    editor
        A `SegmentEditor` whose masking, overwrite mode and undo are used; None makes one that edits everywhere.
    progress
        Called with a fraction [0, 1] and a few words.
    cancel
        A `CancelToken` that stops the run at its next step.
    **settings
        Further fields of `PromptTask`: model, scope, window, threshold, clean_up.

    Returns
    -------
    segmentId, result
        The segment that was written (None if the result is empty) and the `SegmentationResult`.

    Raises
    ------
    MedSegAIError
        What went wrong and what to do next.
    """
    request = requestFromNodes(volumeNode, prompts, segmentName, **settings)
    result = (engine or newEngine()).segment(request, progress, cancel)
    return writeResult(result, volumeNode, segmentationNode, segmentName, editor)


def requestFromNodes(volumeNode, prompts, segmentName="Segment", kind=PromptTask, **settings):
    """Return the `SegmentationRequest` that `segment` sends, or with another task of prompts as its `kind`.

    Other arguments and errors are those of `segment`.
    """
    image = imageVolume(volumeNode)
    values = tuple(value for prompt in prompts for value in _asPrompts(prompt, image.geometry))
    return SegmentationRequest(image, kind(values, **settings), segmentName)


def writeResult(result, volumeNode, segmentationNode=None, segmentName="Segment", editor=None):
    """Write the answer to `requestFromNodes` into a segment; arguments, return value and errors as for `segment`.

    Raises
    ------
    NodeRemoved
        The volume or the segmentation is not in the scene any more.
    """
    checkInScene(volumeNode, segmentationNode)
    ownNode = None
    if segmentationNode is None:
        segmentationNode = ownNode = addSegmentation(volumeNode)
    try:
        written = _write(result, segmentationNode, segmentName, volumeNode, editor)
    except Exception:
        if ownNode is not None:
            ownNode.GetScene().RemoveNode(ownNode)
        raise
    return written.segmentId, replace(result, warnings=(*result.warnings, *written.warnings))


def checkInScene(*nodes):
    """Raise `NodeRemoved` if one of the nodes, as far as they are given, has left the scene."""
    for node in nodes:
        if node is not None and node.GetScene() is None:
            message = _("'{name}' was removed from the scene while it was worked on.").format(name=node.GetName())
            raise NodeRemoved(message)


def addSegmentation(volumeNode):
    """Add a segmentation with the grid of a volume, under the same parent transform, and return it."""
    name = _("{volume} segmentation").format(volume=volumeNode.GetName())
    node = volumeNode.GetScene().AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)  # after the transform: it looks at both
    return node


def _write(result, segmentationNode, segmentName, volumeNode, editor):
    ownEditor = None
    if editor is None:
        editor = ownEditor = LogicEditor(segmentationNode, volumeNode)
    try:
        segmentId = segmentationNode.GetSegmentation().GetSegmentIdBySegmentName(segmentName) or None
        tags = {RECIPE_TAG: tag_text(recipes_to_json([Recipe.from_result(result)]))}
        return SegmentWriter(editor).write(segmentationNode, result.mask, segmentId, segmentName, tags=tags)
    finally:
        if ownEditor is not None:
            ownEditor.close()


def _asPrompts(prompt, geometry):
    if isinstance(prompt, slicer.vtkMRMLNode):
        return promptsFromNode(prompt, geometry)
    if isinstance(prompt, tuple):
        return (_segmentPrompt(*prompt, geometry),)
    return (prompt,)


def _segmentPrompt(segmentationNode, name, geometry):
    segmentId = segmentationNode.GetSegmentation().GetSegmentIdBySegmentName(name)
    if not segmentId:
        message = _("'{name}' has no segment '{segment}'.").format(name=segmentationNode.GetName(), segment=name)
        raise InvalidRequest(message, _("Choose a segment of this segmentation."))
    return MaskPrompt(segmentPatch(segmentationNode, segmentId, geometry))


def newEngine():
    """Return an engine that computes in this process."""
    from MedSegAICore.engine.engine import Engine  # the engine is not needed to open the console's functions

    return Engine()
