"""Draw several plausible masks of a structure of the scene, in a few lines of Python.

>>> from MedSegAILib.mrml.diffusion_console import addCandidates, segmentByDiffusion
>>> segmentId, result = segmentByDiffusion(getNode("CT"), [getNode("R")], getNode("Segmentation"), "Nodule")
>>> addCandidates(result, getNode("CT"), getNode("Segmentation"), "Nodule")
"""

from __future__ import annotations

from dataclasses import replace

from MedSegAICore.candidates import candidate_name
from MedSegAICore.recipe import Recipe, recipes_to_json
from MedSegAICore.request import DiffusionTask
from MedSegAICore.segmentation_file import RECIPE_TAG, tag_text

from .console import checkInScene, newEngine, requestFromNodes, writeResult
from .editor import LogicEditor
from .segments import Change, SegmentWriter, SegmentWriting


def segmentByDiffusion(
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
    """Draw plausible masks of what the prompts lie around, and write their consensus into a segment.

    Arguments, return value and errors are those of `MedSegAILib.mrml.console.segment`, with the fields of
    `DiffusionTask` as `settings`: model, scope, window, options, threshold, clean_up, candidate.
    """
    request = diffusionRequestFromNodes(volumeNode, prompts, segmentName, **settings)
    result = (engine or newEngine()).segment(request, progress, cancel)
    return writeResult(result, volumeNode, segmentationNode, segmentName, editor)


def diffusionRequestFromNodes(volumeNode, prompts, segmentName="Segment", **settings):
    """Return the `SegmentationRequest` that `segmentByDiffusion` sends; arguments and errors are the same."""
    return requestFromNodes(volumeNode, prompts, segmentName, DiffusionTask, **settings)


def addCandidates(result, volumeNode, segmentationNode, segmentName="Segment", editor=None):
    """Add all masks of a result as segments of their own, which may overlap, in one step of undo.

    Parameters
    ----------
    result
        What `segmentByDiffusion` has returned.
    volumeNode
        What was segmented.
    segmentationNode
        Where they go.
    segmentName
        They are called "Segment candidate 1" and so on, the most typical one first.
    editor
        A `SegmentEditor` whose masking and undo are used; None makes one that edits everywhere.

    Returns
    -------
    list of str
        The segments; of a mask without voxels there is none.

    Raises
    ------
    NodeRemoved
        The volume or the segmentation is not in the scene any more.
    """
    checkInScene(volumeNode, segmentationNode)
    ownEditor = None
    if editor is None:
        editor = ownEditor = LogicEditor(segmentationNode, volumeNode)
    try:
        with editor.overlapping():
            written = SegmentWriter(editor).writeSegments(segmentationNode, candidateWritings(result, segmentName))
    finally:
        if ownEditor is not None:
            ownEditor.close()
    return [one.segmentId for one in written]


def candidateWritings(result, segmentName):
    """Return a `SegmentWriting` for every mask of a result that has voxels, with the recipe that makes it again."""
    recipe = Recipe.from_result(result)
    writings = []
    for number, mask in enumerate(result.candidates, start=1):
        if mask.array.any():
            alone = replace(recipe, task=replace(recipe.task, candidate=number))
            tags = {RECIPE_TAG: tag_text(recipes_to_json([alone]))}
            writings.append(SegmentWriting((Change(mask),), name=candidate_name(segmentName, number), tags=tags))
    return writings
