"""How the last segment of the scene was made."""

from __future__ import annotations

import slicer
from MedSegAICore.recipe import recipes_from_json
from MedSegAICore.segmentation_file import RECIPE_TAG

from .segments import tagOf


def lastRecipe():
    """Return the name of the segment that MedSegAI has made and that was changed last, with its `Recipe`.

    Returns
    -------
    name, recipe
        None, None if the scene has no such segment.

    Raises
    ------
    InvalidRequest
        The segment is from a newer MedSegAI, or its recipe was damaged.
    """
    found = []
    for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        segmentation = node.GetSegmentation()
        for segmentId in segmentation.GetSegmentIDs():
            segment = segmentation.GetSegment(segmentId)
            text = tagOf(segment, RECIPE_TAG)
            if text:
                found.append((segment.GetMTime(), segment.GetName(), text))
    if not found:
        return None, None
    _time, name, text = max(found)
    return name, recipes_from_json(text)[-1]
