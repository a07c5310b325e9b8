"""From a segment, a box or a point to plausible masks and one write: the AI Diffusion effect without its widgets."""

from __future__ import annotations

from dataclasses import replace

from MedSegAICore.candidates import candidate_name
from MedSegAICore.errors import MedSegAIError
from MedSegAICore.incontext.look_next import look_next
from MedSegAICore.incontext.slice_cut import slice_axis
from MedSegAICore.request import DiffusionTask, SliceScope, VolumeScope
from slicer.i18n import tr as _

from ..mrml.prompt_store import removeOrphans
from ..mrml.segments import Change, SegmentWriting
from ..mrml.uncertainty_volume import uncertaintyVolume
from .diffusion_answer import DiffusionAnswer
from .diffusion_place import DiffusionPlace, isAlive
from .diffusion_settings import DiffusionSettings
from .editor_session import EditorSession
from .foreground_volume import ForegroundVolume
from .run_forecast import RunForecast

RUN = "diffusion"
"""Beginning of the key of the run: there is one at a time."""


class DiffusionSession(EditorSession):
    """Keeps the run and what was drawn, for one Segment Editor.

    What was drawn waits for the user to come back to its segment. A run belongs to the segment that it was started for:
    turning to another one ends it.

    Parameters
    ----------
    engine, editor, onChange
        As for `EditorSession`.
    """

    def __init__(self, engine, editor, onChange):
        super().__init__(engine, editor, onChange, DiffusionSettings())
        self._forecast, self._layer, self._editor = RunForecast(engine, onChange), ForegroundVolume(), editor
        self._place, self._answers, self._visited = None, {}, {}

    @property
    def answer(self):
        """The `DiffusionAnswer` for the current segment, if the volume still is what it was; else None."""
        place = self._place
        if place is None or not isAlive(*place.subject):
            return None
        answer = self._answers.get(place.subject)
        isCurrent = answer is not None and self._images.isCurrent(place.volumeNode, answer.image)
        return answer if isCurrent else None

    @property
    def store(self):
        """The `PromptStore` of the segment; None without one."""
        return self._place.store if self._place is not None else None

    @property
    def promptCount(self):
        return self._place.store.count if self._place is not None else 0

    @property
    def canDraw(self):
        """Whether there is a segment on a volume, and nothing is under way."""
        return self._place is not None and not self.isBusy

    @property
    def canApply(self):
        """Whether there is something that is not yet applied."""
        return self.answer is not None and not self.answer.isApplied and not self.isBusy

    @property
    def canLookNext(self):
        """Whether it is known on which slices the masks differ."""
        return self.answer is not None and not self.answer.isOfSlice and not self.isBusy

    @property
    def predictedSeconds(self):
        """How long drawing will take [s]; None while that is not known."""
        return self._forecast.seconds

    @property
    def showsUncertainty(self):
        """Whether it lies in front of the anatomy."""
        return self._layer.isShown

    def turnTo(self, segmentationNode, segmentId, volumeNode):
        """Work on another segment; None or "" for what is not chosen."""
        self._removeDead()
        subject = (segmentationNode, segmentId, volumeNode)
        if self._place is not None and self._place.subject == subject:
            return
        self._leave()
        self._follow(segmentationNode, volumeNode)
        if segmentationNode is not None and segmentId and volumeNode is not None:
            self._place = DiffusionPlace(*subject, self.settings.around, lambda: self.say(""))
        self._show()

    def close(self):
        """Stop what is under way and take everything out of the views; prompts and what was drawn stay."""
        self._leave()
        super().close()

    def use(self, settings):
        """Take what the panel says now."""
        old, self.settings = self.settings, settings
        if self._place is not None:
            self._place.look(settings.around)
        if old.threshold != settings.threshold and self.answer is not None and not self.answer.candidate:
            self._lookAgain()

    def foresee(self, plane):
        """Ask how long drawing on a plane, or on all slices, will take; nothing happens if that is known."""
        if self.canDraw:
            settings = self.settings
            about = (settings.model, settings.oneSlice, replace(settings.options, seed=0))
            self._forecast.ask((*self._place.subject, self._place.contents, *about), lambda: self._question(plane))

    def add(self, _plane, addTo):
        """Take a prompt: `addTo` puts it into the `PromptStore` that it is called with."""
        if self._place is not None:
            self._guarded(lambda: self._place.change(addTo))

    def undoPrompt(self):
        """Take the newest prompt back."""
        if self._place is not None:
            self._place.change(lambda store: store.removeLast())

    def removePrompt(self, isNear):
        """Remove the newest prompt of whose world positions (n, 3) `isNear` is true; return whether there is one."""
        return self._place is not None and bool(self._place.change(lambda store: store.removeNear(isNear)))

    def clearPrompts(self):
        """Remove all prompts of the segment."""
        if self._place is not None:
            self._place.change(lambda store: store.clear())

    def draw(self, plane):
        """Draw masks on a plane, or on all slices."""
        if self.canDraw:
            self._guarded(lambda: self._ask(plane))

    def chooseCandidate(self, number):
        """Look at one of the masks, counted from 1; 0 looks at their consensus."""
        if self.answer is not None and self.answer.candidate != number:
            self.answer.candidate = number
            self._lookAgain()

    def apply(self):
        """Write what is looked at into the segment, as one step of undo; return whether it was written."""
        answer, threshold = self.answer, self.settings.threshold
        if not self.canApply:
            return False
        if not answer.mask(threshold).array.any():
            self.say(_("There is nothing in it to apply. Look at the candidates, or lower the threshold."))
            return False
        changes, tags = answer.changes(threshold), answer.tags(threshold, answer.candidate)
        try:
            written = self._writer.writeChanges(self._segmentationNode, changes, self._place.segmentId, tags=tags)
        except MedSegAIError as error:
            self.say(str(error))
            return False
        answer.isApplied = written.segmentId is not None
        self._show()
        self.say(" ".join(written.warnings) or _("Applied."))
        return answer.isApplied

    def addCandidates(self):
        """Write every mask into a segment of its own, all in one step of undo; other segments stay as they are."""
        if self.answer is not None:
            self._guarded(self._addCandidates)

    def nextPosition(self, plane):
        """Return the world position (3,) [mm] where the masks differ most, on a slice parallel to `plane`.

        Each call goes on to the next one; None if there is nothing left.
        """
        found = []
        if self.canLookNext:
            self.message = _("There is nothing left on which the masks differ.")
            self._guarded(lambda: found.extend(self._mostDoubtful(plane)))
            self.say("" if found else self.message)
        return found[0].position_ras if found else None

    def showUncertainty(self, isShown):
        """Show in front of the anatomy where the masks differ, or take it away."""
        if isShown and self.answer is not None:
            self._layer.show(uncertaintyVolume(self.answer.result.uncertainty, self._volumeNode))
        else:
            self._layer.hide()
        self._onChange()

    def cancel(self):
        """Stop what is under way and show what was there before."""
        self._stop()
        self._show()
        self.say(_("Cancelled. The segment is as it was."))

    def _question(self, plane):
        """Return the `ImageVolume` and the `DiffusionTask`; an error says what is missing."""
        settings, image = self.settings, self._images.of(self._volumeNode)
        plane = plane if settings.oneSlice else None
        scope = VolumeScope() if plane is None else SliceScope(plane)
        prompts = self._place.prompts(image.geometry, plane)
        task = DiffusionTask(prompts, settings.model, scope, options=settings.options, threshold=settings.threshold)
        return image, task

    def _ask(self, plane):
        image, task = self._question(plane)
        place, self.message = self._place, ""
        self.runs.ask(
            f"{RUN} {id(self)}",
            image,
            task,
            lambda result: self._answered(place, image, result),
            self._failed,
            lambda patch: self._showLive(place, patch),
        )

    def _answered(self, place, image, result):
        if not isAlive(*place.subject) or not self._images.isCurrent(place.volumeNode, image):
            self._show()
            self.say(_("The volume has changed. Draw again."))
            return
        self._answers[place.subject] = DiffusionAnswer(image, result)
        self._visited = {}
        self._show()
        self.say(" ".join(result.warnings))

    def _failed(self, error):
        self._show()
        super()._failed(error)

    def _showLive(self, place, patch):
        """Show what the mean of the masks is becoming."""
        if isAlive(*place.subject):
            self.previews.show([patch], place.segment.GetColor(), self.settings.threshold)

    def _addCandidates(self):
        masks, name = self.answer.result.candidates, self._place.segment.GetName()
        writings = [
            SegmentWriting(
                (Change(mask),),
                name=candidate_name(name, number),
                tags=self.answer.tags(self.settings.threshold, number),
            )
            for number, mask in enumerate(masks, 1)
            if mask.array.any()
        ]
        with self._editor.overlapping():
            written = self._writer.writeSegments(self._segmentationNode, writings)
        self.say(_("{count} segments were added. One undo takes them away.").format(count=len(written)))

    def _mostDoubtful(self, plane):
        doubt, axis = self.answer.result.uncertainty, slice_axis(self.answer.image.geometry, plane)
        if not doubt.array.size:
            return ()
        # of a small structure neighbouring slices are worth a look, so it is looked at as if it were the volume
        alone = replace(doubt, offset=(0, 0, 0), geometry=doubt.patch_geometry)
        seen = self._visited.setdefault(axis, [])
        found = look_next(alone, axis, 1, seen)
        seen += [one.index for one in found]
        return found

    def _leave(self):
        self._stop()
        self._forecast.forget()
        self._layer.hide()
        if self._place is not None:
            self._place.leave()
        self._place = None

    def _sceneClosed(self, caller, event):
        self._leave()
        super()._sceneClosed(caller, event)

    def _checkVolume(self):
        """Drop what was drawn on a volume that has changed or is gone."""
        self._removeDead()
        self._forecast.forget()
        place = self._place
        if place is not None and place.subject in self._answers and self.answer is None:
            del self._answers[place.subject]
            self._layer.hide()
            self._show()
            self.say(_("The volume has changed. Draw again."))

    def _removeDead(self):
        self._answers = {subject: answer for subject, answer in self._answers.items() if isAlive(*subject)}
        if self._place is not None and not isAlive(*self._place.subject):
            self._leave()
            self.previews.hide()
        if not self._scene.IsBatchProcessing():  # while a scene is read, references are not complete
            removeOrphans(self._scene)

    def _lookAgain(self):
        """Show something else of the answer, which then is not what was applied."""
        self.answer.isApplied = False
        self._show()

    def _show(self):
        answer = self.answer
        if answer is None or answer.isApplied:
            self.previews.hide()
        else:
            self.previews.show([answer.preview], self._place.segment.GetColor(), self.settings.threshold)
        if self._layer.isShown:
            self.showUncertainty(answer is not None)
        self._onChange()
