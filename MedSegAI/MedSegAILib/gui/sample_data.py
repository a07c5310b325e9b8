"""The tutorial's first step: an image of Slicer's own, open in the Segment Editor."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from ..mrml.console import addSegmentation

EFFECT = "AI Prompt"


def openSample(name: str) -> None:
    """Download one of Slicer's sample images and open it in the Segment Editor.

    Parameters
    ----------
    name
        What the module Sample Data calls it, for example `MRHead`.
    """
    from SampleData import SampleDataLogic  # a module of Slicer

    message = _("The sample {name} could not be opened.").format(name=name)
    with slicer.util.tryWithErrorDisplay(message, waitCursor=True):
        openInSegmentEditor(SampleDataLogic().downloadSample(name))


def openInSegmentEditor(volumeNode) -> None:
    """Show a volume in the Segment Editor, with a new segment and the effect for prompts."""
    segmentationNode = addSegmentation(volumeNode)
    segmentationNode.GetSegmentation().AddEmptySegment("", "")
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.modules.SegmentEditorWidget.editor
    editor.setSegmentationNode(segmentationNode)
    editor.setSourceVolumeNode(volumeNode)
    editor.setActiveEffectByName(EFFECT)
