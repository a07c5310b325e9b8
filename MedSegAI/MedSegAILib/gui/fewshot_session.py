"""From examples to a support model to segments: what the AI Few-shot effect does, without its widgets."""

from __future__ import annotations

from MedSegAICore.errors import InvalidImage
from MedSegAICore.fewshot.fit import FitRequest
from MedSegAICore.fewshot.support_notes import SupportNotes, write_notes
from MedSegAICore.request import FewShotTask
from slicer.i18n import tr as _

from ..mrml.support_files import copyModel, newModelFile
from .example_list import ExampleList, NodeExample, filesAt
from .example_reading import ExampleReader
from .fewshot_settings import FewShotSettings
from .structure_answer import StructureRow
from .structure_session import SEGMENT, StructureSession
from .support_models import SupportModel, readSupportModel

LEARN = "learn"
"""Key of the run that learns."""


class FewShotSession(StructureSession):
    """Keeps examples, the support model, runs and what was found, for one Segment Editor.

    Parameters
    ----------
    engine, editor, onChange
        As for `StructureSession`.
    onLearned
        Called with the path of a support model that was learned or loaded.
    """

    def __init__(self, engine, editor, onChange, onLearned):
        super().__init__(engine, editor, onChange, FewShotSettings())
        self.examples, self.model = ExampleList(), None
        self._onLearned, self._modelPath = onLearned, ""
        self._reader = ExampleReader(self._images, onChange)

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
    def structures(self):
        """A `StructureRow` for every structure of the support model."""
        if self.model is None:
            return []
        answer, looks = self.answer, self._looks(self.model.labels)
        return [
            StructureRow(label, looks[label].color, self.model.expected(label), answer and answer.quality(label))
            for label in self.model.labels
        ]

    @property
    def warnings(self):
        """What the user should know about the support model and about what was found, in words."""
        answer = self.answer
        said = list(self.model.complaints) if self.model is not None else []
        if answer is not None:
            said += answer.result.warnings
            if answer.image.fingerprint in self.model.notes.fingerprints:
                said.append(_("This volume is one of the examples: the result says nothing about other volumes."))
        return tuple(dict.fromkeys(said))

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
        self._guarded(self._askVolume)

    @property
    def _exampleLooks(self):
        return self.model.notes.looks

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
        self._guarded(lambda: write_notes(report.file, notes))
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

    def _askVolume(self):
        volumeNode, model = self._volumeNode, self.model
        if volumeNode is None or model is None:
            message = _("There is nothing to segment.")
            raise InvalidImage(message, _("Choose a volume, and learn from examples or load a support model."))
        self._ask(self._images.of(volumeNode), FewShotTask(model.file, threshold=self.settings.threshold))

    def _removeDead(self):
        self.examples.removeDead()
        super()._removeDead()

    def _stop(self):
        self._reader.stop()
        super()._stop()
