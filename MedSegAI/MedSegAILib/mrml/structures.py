"""Several structures that were segmented together, each on its way into a segment of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from MedSegAICore.recipe import Recipe, recipes_to_json
from MedSegAICore.segment_look import SegmentLook
from MedSegAICore.segmentation_file import COLORS, RECIPE_TAG, tag_text

from .console import addSegmentation, checkInScene
from .editor import LogicEditor
from .segments import Change, SegmentWriter, SegmentWriting, changesWithin, lookOf
from .translation import tr as _


@dataclass(frozen=True)
class WrittenStructures:
    """What became of a result.

    Parameters
    ----------
    segmentIds
        Name of a structure -> the segment that was written; None if there was nothing to write.
    warnings
        What the user should know, in words.
    """

    segmentIds: dict
    warnings: tuple[str, ...]

    @property
    def isEmpty(self):
        """Whether nothing was written."""
        return not any(self.segmentIds.values())


def structureLooks(labels, looks, segmentationNode=None):
    """Return how structures look: like the segment of that name, like their example, or in a colour of their own.

    Parameters
    ----------
    labels
        Names of the structures.
    looks
        Name -> `SegmentLook`, as far as examples have told.
    segmentationNode
        Where they go.
    """
    found = {}
    for number, label in enumerate(labels):
        segment = _segmentOf(segmentationNode, label)
        usual = SegmentLook(COLORS[number % len(COLORS)])
        found[label] = lookOf(segment) if segment is not None else looks.get(label, usual)
    return found


def structureMask(structure, threshold, asked):
    """Return the mask of a `Structure` at a threshold; `asked` is the one that it was asked for with."""
    if threshold == asked:
        return structure.mask
    probability = structure.probability
    return replace(probability, array=probability.array >= np.float16(threshold))


def writeStructures(writer, segmentationNode, result, looks, threshold=None, region=None):
    """Write every structure into the segment of its name, all in one step of undo.

    Parameters
    ----------
    writer
        The `SegmentWriter`.
    segmentationNode
        The segmentation; a segment of the same name is replaced, otherwise a new one is added.
    result
        The `SegmentationResult`.
    looks
        As for `structureLooks`.
    threshold
        Probability from which a voxel is inside; None takes the one that was asked with.
    region
        Mask of where the result decides, such as one slice; None lets it replace whole segments.

    Returns
    -------
    WrittenStructures
        A structure of which nothing was found leaves its segment as it is.

    Raises
    ------
    NonLinearTransform
        The segmentation is under a transform that bends space; nothing was changed.
    """
    recipe = Recipe.from_result(result)
    threshold, asked = threshold or recipe.task.threshold, recipe.task.threshold
    recipe = replace(recipe, task=replace(recipe.task, threshold=threshold))
    tags = {RECIPE_TAG: tag_text(recipes_to_json([recipe]))}
    labels = [structure.label for structure in result.structures]
    looks = structureLooks(labels, looks, segmentationNode)
    masks = {structure.label: structureMask(structure, threshold, asked) for structure in result.structures}
    found = [label for label in labels if masks[label].array.any()]
    writings = [_writing(segmentationNode, label, masks[label], region, looks[label], tags) for label in found]
    written = dict(zip(found, writer.writeSegments(segmentationNode, writings), strict=True))
    empty = _("Nothing was found of '{structure}'; its segment was left as it is.")
    warnings = [empty.format(structure=label) for label in labels if label not in written]
    warnings += [warning for one in written.values() for warning in one.warnings]
    segmentIds = {label: written[label].segmentId if label in written else None for label in labels}
    return WrittenStructures(segmentIds, tuple(dict.fromkeys(warnings)))


def writeInto(result, looks, volumeNode, segmentationNode=None, editor=None, region=None):
    """Write every structure into the segment of its name, with nodes that may have been removed meanwhile.

    Parameters
    ----------
    result, looks, region
        As for `writeStructures`.
    volumeNode
        What was segmented.
    segmentationNode
        Where the segments go; None makes a segmentation on the grid of the volume.
    editor
        A `SegmentEditor` whose masking, overwrite mode and undo are used; None makes one that edits everywhere.

    Returns
    -------
    segmentIds, result
        Name of every structure -> its segment (None if nothing was found of it), and the result with what the writer
        warns of.

    Raises
    ------
    NodeRemoved
        The volume or the segmentation is not in the scene any more.
    """
    checkInScene(volumeNode, segmentationNode)
    ownNode = ownEditor = None
    if segmentationNode is None:
        segmentationNode = ownNode = addSegmentation(volumeNode)
    try:
        if editor is None:
            editor = ownEditor = LogicEditor(segmentationNode, volumeNode)
        written = writeStructures(SegmentWriter(editor), segmentationNode, result, looks, region=region)
    except Exception:
        if ownNode is not None:
            ownNode.GetScene().RemoveNode(ownNode)
        raise
    finally:
        if ownEditor is not None:
            ownEditor.close()
    return written.segmentIds, replace(result, warnings=(*result.warnings, *written.warnings))


def _writing(segmentationNode, label, mask, region, look, tags):
    segmentId = segmentationNode.GetSegmentation().GetSegmentIdBySegmentName(label) or None
    changes = (Change(mask),)
    if region is not None and segmentId is not None:
        changes = changesWithin(region, mask)
    return SegmentWriting(changes, segmentId, label, look, tags)


def _segmentOf(segmentationNode, label):
    if segmentationNode is None:
        return None
    segmentation = segmentationNode.GetSegmentation()
    return segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName(label))
