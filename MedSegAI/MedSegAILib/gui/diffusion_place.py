"""Where diffusion looks: around a segment as it is, or around boxes and points that the user draws."""

from __future__ import annotations

from MedSegAICore.errors import NoPositivePrompt
from MedSegAICore.prompts import BoxPrompt, PointPrompt
from slicer.i18n import tr as _

from ..mrml.mask_prompts import maskPrompts
from ..mrml.node_watch import NodeWatch
from ..mrml.prompt_store import PromptStore
from ..mrml.segments import labelmapOf
from .diffusion_settings import SEGMENT
from .event_loop import later
from .prompt_watch import PROMPT_EVENTS


class DiffusionPlace:
    """The segment that is worked on, and the prompts for it, which AI Prompt has as well.

    Parameters
    ----------
    segmentationNode, segmentId, volumeNode
        What is worked on.
    around
        `SEGMENT`, or the tool that draws prompts.
    onChange
        Called without arguments when prompts were drawn, dragged or deleted.
    """

    def __init__(self, segmentationNode, segmentId, volumeNode, around, onChange):
        self.segmentationNode, self.segmentId, self.volumeNode = segmentationNode, segmentId, volumeNode
        self.store = PromptStore(segmentationNode, segmentId, volumeNode)
        self._around, self._onChange, self._changes = around, onChange, 0
        self._watch = NodeWatch(lambda: later(0, self._moved))
        self._follow()

    @property
    def subject(self):
        """What is worked on, as the arguments of the constructor name it."""
        return self.segmentationNode, self.segmentId, self.volumeNode

    @property
    def segment(self):
        """The `vtkSegment`; None if it is gone."""
        return self.segmentationNode.GetSegmentation().GetSegment(self.segmentId)

    @property
    def contents(self):
        """What changes with the voxels of the segment, or with the prompts."""
        if self._around != SEGMENT:
            return self._around, self.store.count, self._changes
        labelmap = labelmapOf(self.segment) if self.segment is not None else None
        return self._around, labelmap.GetMTime() if labelmap is not None else None

    def look(self, around):
        """Look around something else from now on."""
        if around != self._around:
            self._around = around
            self._follow()

    def change(self, change):
        """Change the prompts without taking that for the user's dragging; return what the change returns."""
        self._watch.stop()
        changed = change(self.store)
        self._changes += 1
        self._follow()
        self._onChange()
        return changed

    def prompts(self, geometry, plane):
        """Return what says where to look.

        Parameters
        ----------
        geometry
            Grid of the image.
        plane
            `SlicePlane` that matters; None takes the whole volume.

        Raises
        ------
        NoPositivePrompt
            Nothing does yet.
        """
        if self._around == SEGMENT:
            where = (self.segmentationNode, self.segmentId, geometry, plane)
            found = maskPrompts(*where, fromSegment=True, fromOthers=False)
            message = _("The current segment is empty here.")
            advice = _("Draw it roughly, or choose 'Box' and drag a box around the structure.")
        else:
            # what AI Prompt draws for the segment beside boxes and points says nothing to these models
            found = tuple(one for one in self.store.prompts(geometry) if isinstance(one, (BoxPrompt, PointPrompt)))
            message, advice = (
                _("Nothing says yet where to look."),
                _("Drag a box around the structure, or click on it."),
            )
        if not found:
            raise NoPositivePrompt(message, advice)
        return found

    def leave(self):
        """Hear of nothing any more, and take the prompts out of the views; they stay in the scene."""
        self._watch.stop()
        self.store.setVisible(False)

    def _follow(self):
        """Show the prompts if they count, and hear when they are dragged or deleted."""
        self.store.setVisible(self._around != SEGMENT)
        self._watch.follow(self.store.nodes(), PROMPT_EVENTS)

    def _moved(self):
        if isAlive(*self.subject):
            self._changes += 1
            self._follow()
            self._onChange()


def isAlive(segmentationNode, segmentId, volumeNode):
    """Tell whether a segmentation, a segment of it and a volume still are in the scene."""
    if segmentationNode.GetScene() is None or volumeNode.GetScene() is None:
        return False
    return segmentationNode.GetSegmentation().GetSegment(segmentId) is not None
