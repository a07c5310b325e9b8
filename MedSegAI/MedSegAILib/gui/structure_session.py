"""What the effects by examples have in common: finding structures on volumes, showing them, and applying them."""

from __future__ import annotations

import logging

import slicer
import vtk
from MedSegAICore.errors import MedSegAIError
from slicer.i18n import tr as _

from ..mrml.node_watch import NodeWatch
from ..mrml.segments import SegmentWriter
from ..mrml.source_images import SourceImages
from ..mrml.structures import structureLooks, writeStructures
from .event_loop import later
from .run_controller import RunController
from .slice_previews import SlicePreviews
from .structure_answer import StructureAnswer

SEGMENT = "segment"
"""Beginning of the keys of runs that segment a volume."""

VOLUME_EVENTS = (
    vtk.vtkCommand.ModifiedEvent,
    slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)
"""What may change voxels or their place."""


class StructureSession:
    """Keeps runs and what was found, for one Segment Editor.

    What was found waits for the user to come back to its volume. Leaving the effect stops nothing, closing the scene
    stops everything.

    Parameters
    ----------
    engine
        The `EngineProcess`.
    editor
        The `SegmentEditor` that results are applied with.
    onChange
        Called without arguments when there is something new to show.
    settings
        How to ask and how to show, until `use` brings others; they have a `threshold`.
    """

    def __init__(self, engine, editor, onChange, settings):
        self.engine, self.settings, self.message = engine, settings, ""
        self.runs, self.previews = RunController(engine, onChange), SlicePreviews()
        self._writer, self._onChange = SegmentWriter(editor), onChange
        self._images, self._answers = SourceImages(), {}
        self._segmentationNode = self._volumeNode = None
        self._volumeWatch = NodeWatch(lambda: later(0, self._checkVolume))
        self._scene = slicer.mrmlScene
        self._sceneTag = self._scene.AddObserver(slicer.vtkMRMLScene.EndCloseEvent, self._sceneClosed)

    @property
    def isBusy(self):
        """Whether something is under way."""
        return self.runs.isRunning

    @property
    def isSlow(self):
        """Whether progress should be shown."""
        return self.runs.isSlow

    @property
    def progress(self):
        """Fraction [0, 1] and a few words about what goes on."""
        return self.runs.progress

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
        self._segmentationNode, self._volumeNode = segmentationNode, volumeNode
        self._volumeWatch.follow([volumeNode] if volumeNode is not None else [], VOLUME_EVENTS)
        self.message = ""
        self._show()

    def close(self):
        """Take everything out of the views; what is under way goes on."""
        self._segmentationNode = self._volumeNode = None
        self._volumeWatch.stop()
        self.previews.hide()

    def end(self):
        """Stop everything, for good."""
        self._scene.RemoveObserver(self._sceneTag)
        self._stop()
        self.close()

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

    def cancel(self):
        """Stop what is under way."""
        self._stop()
        self.say(_("Cancelled."))

    def say(self, text):
        """Show a message to the user."""
        self.message = text
        self._onChange()

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

    def _failed(self, error):
        logging.info("MedSegAI: %s", error)
        self.say(str(error))

    def _checkVolume(self):
        """Drop what was found on a volume that has changed or is gone."""
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

    def _sceneClosed(self, _caller, _event):
        self._stop()
        self._removeDead()
        self.previews.hide()

    def _stop(self):
        self.runs.cancel()

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

    def _guarded(self, action):
        """Do something that may be refused, and say so in the panel."""
        try:
            action()
        except MedSegAIError as error:
            self.say(str(error))
