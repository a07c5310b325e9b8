"""What the effects by examples have in common: finding structures on volumes, showing them, and applying them."""

from __future__ import annotations

from MedSegAICore.errors import MedSegAIError
from slicer.i18n import tr as _

from ..mrml.structures import structureLooks, writeStructures
from .editor_session import EditorSession
from .structure_answer import StructureAnswer

SEGMENT = "segment"
"""Beginning of the keys of runs that segment a volume."""


class StructureSession(EditorSession):
    """Keeps runs and what was found, for one Segment Editor.

    What was found waits for the user to come back to its volume. Leaving the effect stops nothing.

    Parameters
    ----------
    *arguments
        As for `EditorSession`.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._answers = {}

    @property
    def canApply(self):
        """Whether there is something that is not yet applied."""
        answer = self.answer
        return answer is not None and not answer.isApplied and self._segmentationNode is not None

    @property
    def answer(self):
        """What was found on the current volume, if that still is what it was; else None."""
        answer = self._answers.get(self._volumeNode)
        isCurrent = answer is not None and self._images.isCurrent(self._volumeNode, answer.image)
        return answer if isCurrent else None

    def turnTo(self, segmentationNode, volumeNode):
        """Work on another volume or segmentation; None for what is not chosen."""
        self._removeDead()
        if (segmentationNode, volumeNode) == (self._segmentationNode, self._volumeNode):
            return
        self._follow(segmentationNode, volumeNode)
        self._show()

    def use(self, settings):
        """Take what the panel says now."""
        old, self.settings = self.settings, settings
        if old.threshold == settings.threshold or self.answer is None:
            return
        self._lookAgain()
        self.previews.setThreshold(settings.threshold)

    def apply(self):
        """Write every structure into the segment of its name, as one step of undo; return whether any was written."""
        answer = self.answer
        if not self.canApply:
            return False
        try:
            written = writeStructures(
                self._writer,
                self._segmentationNode,
                answer.chosen,
                self._exampleLooks,
                self.settings.threshold,
                answer.region,
            )
        except MedSegAIError as error:
            self.say(str(error))
            return False
        answer.isApplied = not written.isEmpty
        self._show()
        self.say(" ".join(written.warnings) or _("Applied."))
        return not written.isEmpty

    @property
    def _exampleLooks(self):
        """Name of a structure -> `SegmentLook`, as far as examples have told."""
        return {}

    def _looks(self, labels):
        return structureLooks(labels, self._exampleLooks, self._segmentationNode)

    def _ask(self, image, task, region=None):
        """Ask about the current volume; `region` as for `StructureAnswer`."""
        volumeNode = self._volumeNode
        self.message = ""
        self.runs.ask(
            f"{SEGMENT} {volumeNode.GetID()}",
            image,
            task,
            lambda result: self._answered(volumeNode, StructureAnswer(image, result, region)),
            self._failed,
        )

    def _answered(self, volumeNode, answer):
        if not self._images.isCurrent(volumeNode, answer.image):
            self.say(_("The volume has changed. Segment it again."))
            return
        self._answers[volumeNode] = answer
        if volumeNode is self._volumeNode:
            self._show()

    def _checkVolume(self):
        volumeNode = self._volumeNode
        if volumeNode is not None and volumeNode.GetScene() is None:
            self.runs.cancel(SEGMENT)
        if volumeNode not in self._answers or self.answer is not None:
            return
        del self._answers[volumeNode]
        self._show()
        self.say(_("The volume has changed. Segment it again."))

    def _removeDead(self):
        self._answers = {node: answer for node, answer in self._answers.items() if node.GetScene() is not None}

    def _lookAgain(self):
        """Show what was applied once more, because it is about to change."""
        if self.answer.isApplied:
            self.answer.isApplied = False
            self._show()

    def _show(self):
        answer = self.answer
        if answer is None or answer.isApplied:
            self.previews.hide()
        else:
            labels = [structure.label for structure in answer.result.structures]
            self.previews.showGroups(answer.groups(self._looks(labels)), self.settings.threshold)
        self._onChange()
