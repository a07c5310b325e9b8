"""From examples to a support model to segments: what the AI Few-shot effect does, without its widgets."""

from __future__ import annotations

import logging

import slicer
import vtk
from MedSegAICore.errors import InvalidImage, MedSegAIError
from MedSegAICore.fewshot.fit import FitRequest
from MedSegAICore.request import FewShotTask
from slicer.i18n import tr as _

from ..mrml.node_watch import NodeWatch
from ..mrml.segments import SegmentWriter
from ..mrml.source_images import SourceImages
from ..mrml.structures import structureLooks, writeStructures
from ..mrml.support_files import SupportNotes, copyModel, newModelFile, writeNotes
from .event_loop import later
from .example_list import ExampleList, NodeExample, filesAt
from .example_reading import ExampleReader
from .fewshot_answer import FewShotAnswer, StructureRow
from .fewshot_settings import FewShotSettings
from .run_controller import RunController
from .slice_previews import SlicePreviews
from .support_models import SupportModel, readSupportModel

LEARN, SEGMENT = "learn", "segment"
"""Beginnings of the keys of runs."""

VOLUME_EVENTS = (
    vtk.vtkCommand.ModifiedEvent,
    slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)
"""What may change voxels or their place."""


class FewShotSession:
    """Keeps examples, the support model, runs and what was found, for one Segment Editor.

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
    onLearned
        Called with the path of a support model that was learned or loaded.
    """

    def __init__(self, engine, editor, onChange, onLearned):
        self.engine, self._writer, self._onChange, self._onLearned = engine, SegmentWriter(editor), onChange, onLearned
        self.runs, self.previews = RunController(engine, onChange), SlicePreviews()
        self.examples, self.settings, self.model = ExampleList(), FewShotSettings(), None
        self.message = ""
        self._images, self._answers, self._modelPath = SourceImages(), {}, ""
        self._reader = ExampleReader(self._images, onChange)
        self._segmentationNode = self._volumeNode = None
        self._volumeWatch = NodeWatch(lambda: later(0, self._checkVolume))
        self._scene = slicer.mrmlScene
        self._sceneTag = self._scene.AddObserver(slicer.vtkMRMLScene.EndCloseEvent, self._sceneClosed)

    @property
    def isBusy(self):
        """Whether something is read, learned or segmented."""
        return self._reader.isRunning or self.runs.isRunning

    @property
    def isSlow(self):
        """Whether progress should be shown."""
        return self._reader.isRunning or self.runs.isSlow

    @property
    def progress(self):
        """Fraction [0, 1] and a few words about what goes on."""
        return self._reader.progress if self._reader.isRunning else self.runs.progress

    @property
    def canLearn(self):
        return bool(self.examples.chosen) and not self.isBusy

    @property
    def canSegment(self):
        return self.model is not None and self._volumeNode is not None and not self.isBusy

    @property
    def canApply(self):
        """Whether there is something that is not yet applied."""
        answer = self._answer
        return answer is not None and not answer.isApplied and self._segmentationNode is not None

    @property
    def structures(self):
        """A `StructureRow` for every structure of the support model."""
        if self.model is None:
            return []
        answer, looks = self._answer, self._looks(self.model.labels)
        return [
            StructureRow(label, looks[label].color, self.model.expected(label), answer and answer.quality(label))
            for label in self.model.labels
        ]

    @property
    def warnings(self):
        """What the user should know about the support model and about what was found, in words."""
        answer = self._answer
        said = list(self.model.complaints) if self.model is not None else []
        if answer is not None:
            said += answer.result.warnings
            if answer.image.fingerprint in self.model.notes.fingerprints:
                said.append(_("This volume is one of the examples: the result says nothing about other volumes."))
        return tuple(dict.fromkeys(said))

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
        if old.threshold == settings.threshold or self._answer is None:
            return
        if self._answer.isApplied:  # what was applied is looked at again
            self._answer.isApplied = False
            self._show()
        self.previews.setThreshold(settings.threshold)

    def useModel(self, path):
        """Segment by another support model; "" for none."""
        if path != self._modelPath:
            self._take(None)
            self._modelPath = path
            if path:
                self._guarded(lambda: self._take(readSupportModel(path)))

    def loadModel(self, path):
        """Choose a support model from anywhere."""
        self._guarded(lambda: self._onLearned(str(readSupportModel(path).file)))

    def saveModel(self, path):
        """Copy the support model to a file of the user's choice."""
        self._guarded(lambda: copyModel(self.model.file, path))

    def addNodes(self, volumeNode, segmentationNode):
        """Take a volume and what is drawn on it as an example."""
        self.message = ""
        if volumeNode is None or segmentationNode is None:
            self.say(_("Choose a volume and the segmentation that was drawn on it."))
            return
        item = NodeExample(volumeNode, segmentationNode)
        self._guarded(lambda: self.examples.add(item, item.read(self._images)))
        self._onChange()

    def addFiles(self, path):
        """Take the examples of a folder or of a manifest; those that cannot be used are named."""
        refused = []

        def read():
            self._read(
                filesAt(path),
                self.examples.add,
                lambda error: refused.append(str(error)),
                lambda: self.say(" ".join(refused)),
            )

        self._guarded(read)

    def removeExample(self, index):
        """Forget an example."""
        self.examples.remove(index)
        self._onChange()

    def leaveOut(self, label, isLeftOut):
        """Learn a structure or not."""
        self.examples.leaveOut(label, isLeftOut)
        self._onChange()

    def learn(self):
        """Learn from the examples as they are now."""
        read = []

        def refuse(error):
            self._reader.stop()
            self._failed(error)

        def end():
            self._guarded(lambda: self._learnFrom(read))
            self._onChange()

        self._read(self.examples.items, lambda _item, example: read.append(example), refuse, end)

    def segment(self):
        """Segment the volume by the support model."""
        self._guarded(self._ask)

    def apply(self):
        """Write every structure into the segment of its name, as one step of undo; return whether any was written."""
        answer = self._answer
        if not self.canApply:
            return False
        try:
            written = writeStructures(
                self._writer, self._segmentationNode, answer.result, self.model.notes.looks, self.settings.threshold
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
    def _answer(self):
        """What was found on the current volume, if that still is what it was."""
        answer = self._answers.get(self._volumeNode)
        isCurrent = answer is not None and self._images.isCurrent(self._volumeNode, answer.image)
        return answer if isCurrent else None

    def _looks(self, labels):
        return structureLooks(labels, self.model.notes.looks, self._segmentationNode)

    def _read(self, items, onRead, onRefused, onEnd):
        self.message = ""
        self._reader.read(items, onRead, onRefused, onEnd)

    def _learnFrom(self, read):
        examples, looks = self.examples.learnable(read), self.examples.looks
        labels = tuple(examples[0].masks)
        request = FitRequest(examples, newModelFile(labels), self.settings.method)
        looks = {label: looks[label] for label in labels if label in looks}
        self.runs.learn(LEARN, request, lambda report: self._learned(report, examples, looks), self._failed)

    def _learned(self, report, examples, looks):
        notes = SupportNotes(looks, tuple(example.image.fingerprint for example in examples))
        self._guarded(lambda: writeNotes(report.file, notes))
        scores = report.leave_one_out
        self._take(SupportModel(report.file, report.model, report.labels, scores, notes, report.warnings))
        self._onLearned(str(report.file))
        self.say(_("Learned in {seconds:.0f} s. Choose another volume and segment it.").format(seconds=report.seconds))

    def _take(self, model):
        """Use a support model; what others have found counts no more."""
        self.runs.cancel(SEGMENT)
        self._answers.clear()
        self.model, self.message = model, ""
        self._modelPath = str(model.file) if model is not None else ""
        self._show()

    def _ask(self):
        volumeNode, model = self._volumeNode, self.model
        if volumeNode is None or model is None:
            message = _("There is nothing to segment.")
            raise InvalidImage(message, _("Choose a volume, and learn from examples or load a support model."))
        image = self._images.of(volumeNode)
        self.message = ""
        self.runs.ask(
            f"{SEGMENT} {volumeNode.GetID()}",
            image,
            FewShotTask(model.file, threshold=self.settings.threshold),
            lambda result: self._answered(volumeNode, image, result),
            self._failed,
        )

    def _answered(self, volumeNode, image, result):
        if not self._images.isCurrent(volumeNode, image):
            self.say(_("The volume has changed. Segment it again."))
            return
        self._answers[volumeNode] = FewShotAnswer(image, result)
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
        if volumeNode not in self._answers or self._answer is not None:
            return
        del self._answers[volumeNode]
        self._show()
        self.say(_("The volume has changed. Segment it again."))

    def _removeDead(self):
        self.examples.removeDead()
        self._answers = {node: answer for node, answer in self._answers.items() if node.GetScene() is not None}

    def _sceneClosed(self, _caller, _event):
        self._stop()
        self._removeDead()
        self.previews.hide()

    def _stop(self):
        self._reader.stop()
        self.runs.cancel()

    def _show(self):
        answer = self._answer
        if answer is None or answer.isApplied:
            self.previews.hide()
        else:
            groups = answer.groups(self._looks(self.model.labels))
            self.previews.showGroups(groups, self.settings.threshold)
        self._onChange()

    def _guarded(self, action):
        """Do something that may be refused, and say so in the panel."""
        try:
            action()
        except MedSegAIError as error:
            self.say(str(error))
