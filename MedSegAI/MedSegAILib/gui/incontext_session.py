"""From a task's examples to segments and back into the task: the AI In-context effect without its widgets."""

from __future__ import annotations

from MedSegAICore.errors import InvalidImage
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.look_next import look_next
from MedSegAICore.incontext.slice_cut import slice_axis, slice_of, slice_region
from MedSegAICore.incontext.storing import StoreRequest
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.request import InContextTask, SliceScope
from slicer.i18n import tr as _

from ..mrml.incontext_examples import exampleOfTask, looksOfTask
from ..mrml.uncertainty_volume import uncertaintyVolume
from .incontext_records import SliceTime, WrittenAnswer, originOf
from .incontext_settings import InContextSettings
from .structure_session import StructureSession
from .task_shelf import TaskShelf

STORE = "store"
"""Beginning of the keys of volumes that are being added to a task."""


class InContextSession(StructureSession):
    """Keeps the chosen task, runs and what was found, for one Segment Editor.

    Parameters
    ----------
    engine, editor, onChange
        As for `StructureSession`.
    onTask
        Called with the name of a task that was made, taken in, or removed ("").
    """

    def __init__(self, engine, editor, onChange, onTask):
        super().__init__(engine, editor, onChange, InContextSettings())
        self.shelf, self._onTask = TaskShelf(), onTask
        self._sliceTime = None
        self._written, self._accepted, self._visited = {}, {}, set()

    @property
    def canAdd(self):
        """Whether there is a task, a volume and a segmentation."""
        nodes = (self._volumeNode, self._segmentationNode)
        return self.shelf.isChosen and None not in nodes and not self.isBusy

    @property
    def canSegment(self):
        return self.shelf.isChosen and bool(self.shelf.notes) and self._volumeNode is not None and not self.isBusy

    @property
    def canLookNext(self):
        """Whether it is known where a whole volume is doubtful."""
        answer = self.answer
        return answer is not None and answer.region is None and answer.result.uncertainty is not None

    @property
    def hasUncertainty(self):
        answer = self.answer
        return answer is not None and answer.result.uncertainty is not None

    @property
    def candidateCount(self):
        """Number of answers to choose from; 0 if there is one only."""
        answer = self.answer
        return len(answer.result.candidates) if answer is not None else 0

    @property
    def warnings(self):
        """What the user should know about what was found, in words."""
        return tuple(dict.fromkeys(self.answer.result.warnings)) if self.answer is not None else ()

    @property
    def predictedSeconds(self):
        """How long a network will take for the whole volume at most [s]; None until it has done a slice."""
        known, volumeNode = self._sliceTime, self._volumeNode
        image = volumeNode.GetImageData() if volumeNode is not None else None
        if known is None or known.model != self.settings.model or image is None:
            return None
        return known.predicted(self.settings.options, self.settings.scope, image.GetDimensions()[::-1])

    def useTask(self, name):
        """Work with another task; "" for none."""
        if name != self.shelf.name:
            self.message = ""
            self._guarded(lambda: self.shelf.choose(name))

    def look(self):
        """Read the folder of tasks again."""
        self._guarded(self.shelf.look)

    def newTask(self, name, labels):
        """Make a task and turn to it."""
        self._changeTasks(lambda: self.shelf.create(name, labels))

    def renameTask(self, name):
        """Give the chosen task another name."""
        self._changeTasks(lambda: self.shelf.rename(name))

    def takeTask(self, path):
        """Take in a task that was shared."""
        self._changeTasks(lambda: self.shelf.take(path))

    def removeTask(self):
        """Remove the chosen task from the disk."""
        self._changeTasks(self.shelf.removeTask)

    def shareTask(self, path):
        """Copy the chosen task into a folder of the user's choice."""
        said = _("Copied to '{folder}'. It holds the voxels of the examples: share it only as freely as the images.")
        self._guarded(lambda: self.say(said.format(folder=self.shelf.task().share(path))))

    def removeExample(self, number):
        """Remove an example from the chosen task."""
        self._guarded(lambda: self.shelf.removeExample(number))
        self._onChange()

    def addSlice(self, plane, segmentId=""):
        """Add the slice on a plane as an example; `segmentId` as for `exampleOfTask`."""
        self._guarded(lambda: self._add(plane, segmentId))

    def addVolume(self, segmentId=""):
        """Add the whole volume as an example."""
        self._guarded(lambda: self._add(None, segmentId))

    def accept(self, plane, segmentId=""):
        """Apply what is previewed, if there is something, and add the slice on a plane as an example."""
        if not self.canApply or self.apply():
            self.addSlice(plane, segmentId)

    def segmentSlice(self, plane):
        """Segment the slice on a plane."""
        self._guarded(lambda: self._askBy(plane))

    def segmentVolume(self):
        """Segment the whole volume."""
        self._guarded(lambda: self._askBy(None))

    def apply(self):
        """Do as `StructureSession.apply` does, and remember what was written."""
        answer, threshold = self.answer, self.settings.threshold
        isWritten = super().apply()
        if isWritten:
            self._written.setdefault(self._volumeNode, []).append(WrittenAnswer.of(answer, threshold))
        return isWritten

    def chooseCandidate(self, number):
        """Show one of the candidates, counted from 1; 0 shows what all of them say together."""
        if self.answer is not None and self.answer.candidate != number:
            self.answer.candidate, self.answer.isApplied = number, False
            self._show()

    def nextPosition(self, plane):
        """Return the world position (3,) [mm] that is most worth checking, on a slice parallel to `plane`.

        Each call goes on to the next one; slices that were accepted do not come up. None if there is nothing left.
        """
        found = []
        self._guarded(lambda: found.extend(self._mostDoubtful(plane)))
        if not found and self.canLookNext:
            self.say(_("There is nothing left that is worth checking on these slices."))
        return found[0].position_ras if found else None

    def uncertaintyNode(self):
        """Return the volume that shows where the answer is doubtful."""
        return uncertaintyVolume(self.answer.result.uncertainty, self._volumeNode)

    @property
    def _exampleLooks(self):
        return self.shelf.looks

    def _mostDoubtful(self, plane):
        axis = slice_axis(self.answer.image.geometry, plane)
        seen = self._visited | self._accepted.get(self._volumeNode, set())
        found = look_next(self.answer.result.uncertainty, axis, 1, [index for across, index in seen if across == axis])
        self._visited.update((axis, one.index) for one in found)
        return found

    def _changeTasks(self, change):
        self.message = ""
        self._guarded(change)
        self._onTask(self.shelf.name)
        self._onChange()

    def _add(self, plane, segmentId):
        volumeNode = self._volumeNode
        if volumeNode is None or self._segmentationNode is None:
            message = _("There is nothing to add.")
            raise InvalidImage(message, _("Choose a volume, and draw the structure on it."))
        self.message = ""
        image = self._images.of(volumeNode)
        example = exampleOfTask(volumeNode, self._segmentationNode, self.shelf.task().labels, segmentId, image)
        region = slice_region(image.geometry, plane) if plane is not None else None
        bounds = region.bounds if region is not None else tuple(slice(0, size) for size in image.geometry.shape)
        origin, model = originOf(self._written.get(volumeNode, ()), example.masks, bounds)
        looks = looksOfTask(self._segmentationNode, example.masks, segmentId)
        context = ContextExample(example, origin=origin, model=model, looks=looks)
        if plane is None:  # it takes seconds to write
            request = StoreRequest(self.shelf.folder, self.shelf.name, context)
            self.runs.store(f"{STORE} {volumeNode.GetID()}", request, self._added, self._failed)
            return
        self.shelf.add(slice_of(context, plane))
        axis = slice_axis(image.geometry, plane)
        self._accepted.setdefault(volumeNode, set()).add((axis, bounds[axis].start))
        self._added()

    def _added(self, _identifier=""):
        self._guarded(self.shelf.look)
        self.say(_("Added. The task now has {count} examples.").format(count=len(self.shelf.notes)))

    def _askBy(self, plane):
        volumeNode = self._volumeNode
        if volumeNode is None:
            message = _("There is nothing to segment.")
            raise InvalidImage(message, _("Choose a volume."))
        stored, image = self.shelf.task(), self._images.of(volumeNode)
        region = slice_region(image.geometry, plane) if plane is not None else None
        task = InContextTask(
            self.shelf.folder,
            stored.name,
            model=self.settings.model,
            scope=self.settings.scope if plane is None else SliceScope(plane),
            options=self.settings.options,
            threshold=self.settings.threshold,
        )
        self._ask(image, task, region)

    def _answered(self, volumeNode, answer):
        self._note(answer)
        self._visited.clear()
        super()._answered(volumeNode, answer)

    def _note(self, answer):
        """Remember how long a network took for a slice."""
        made = answer.result.provenance
        spec = load_catalogue().get(made.model)
        if answer.region is None or spec is None or not spec.architecture:  # what learns takes its time for that
            return
        axis = [number for number, size in enumerate(answer.region.array.shape) if size == 1]
        labels = len(answer.result.structures)
        self._sliceTime = SliceTime(made.model, self.settings.options, labels, made.seconds, axis[0])

    def _removeDead(self):
        super()._removeDead()
        self._written = {node: known for node, known in self._written.items() if node.GetScene() is not None}
        self._accepted = {node: known for node, known in self._accepted.items() if node.GetScene() is not None}
