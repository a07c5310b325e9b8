"""From prompts to previews to one write: what the AI Prompt effect does, without its widgets."""

from __future__ import annotations

import logging

from MedSegAICore.errors import MedSegAIError, NoPositivePrompt, PromptOutsideImage
from MedSegAICore.request import CleanUp
from slicer.i18n import tr as _

from ..mrml.prompts import slicePlane
from ..mrml.segments import SegmentWriter
from ..mrml.sequence_frames import SequenceFrames
from ..mrml.source_images import SourceImages
from .event_loop import later
from .prompt_frames import PromptFrames
from .prompt_questions import changesOf, promptTask, takeNewPlanes
from .prompt_settings import PromptSettings
from .prompt_watch import PromptWatch
from .prompt_work import WHOLE_VOLUME, Answer, PromptWorks
from .run_controller import RunController
from .slice_previews import SlicePreviews, sliceWidgets

CLEAN_UP_DELAY = 150
"""A mask is cleaned up again when a slider has rested for this long [ms]; that can take a while."""


class PromptSession:
    """Keeps prompts, runs and previews of every segment that is prompted in one Segment Editor.

    Nothing is lost when the user turns to another segment: what was found waits there.

    Parameters
    ----------
    engine
        The `EngineProcess`.
    editor
        The `SegmentEditor` that results are applied with.
    onChange
        Called without arguments when there is something new to show.
    """

    def __init__(self, engine, editor, onChange):
        self.engine, self._writer, self._onChange = engine, SegmentWriter(editor), onChange
        self._runs = RunController(engine, onChange)
        self._previews = SlicePreviews()
        self._images = SourceImages()
        self._works, self._work = PromptWorks(), None
        self.frames = PromptFrames()
        self.settings = PromptSettings()
        self._watch = PromptWatch(self._promptsMoved, self._volumeChanged)
        self.message = ""

    @property
    def runs(self):
        """The `RunController`: whether something is under way, and how far it is."""
        return self._runs

    @property
    def previews(self):
        """The `SlicePreviews`."""
        return self._previews

    @property
    def promptCount(self):
        return self._work.store.count if self._work else 0

    @property
    def canApply(self):
        """Whether there is an answer that is not yet applied."""
        return bool(self._work and self._work.isAnswered)

    @property
    def isBusy(self):
        """Whether an answer is awaited, on this frame or on another one."""
        return self._runs.isRunning or self.frames.isRunning

    @property
    def progress(self):
        """Fraction [0, 1] and a few words about what goes on."""
        return self.frames.progress(*self._runs.progress)

    @property
    def hasFrames(self):
        """Whether the volume shows a frame of a sequence."""
        return self._work is not None and SequenceFrames.of(self._work.volumeNode) is not None

    @property
    def usedWindow(self):
        """The `IntensityWindow` that the model saw last; None before that."""
        answers = list(self._work.answers.values()) if self._work else []
        return answers[-1].usedWindow if answers else None

    @property
    def store(self):
        """The `PromptStore` of the segment; None without one."""
        return self._work.store if self._work else None

    def turnTo(self, segmentationNode, segmentId, volumeNode):
        """Work on another segment; None or "" for what is not chosen."""
        self._works.removeDead()
        if (
            self._work is not None
            and self._work.isAlive
            and self._work.isAbout(segmentationNode, segmentId, volumeNode)
        ):
            return
        self._leave()
        if segmentationNode is not None and segmentId and volumeNode is not None:
            self._work = self._works.about(segmentationNode, segmentId, volumeNode)
            self._work.store.setVisible(True)
            self._watch.follow(self._work)
            self._prepare()
        self._show()

    def close(self):
        """Stop what is under way and take everything out of the views; prompts stay in the scene."""
        self._runs.cancel()
        self._leave()

    def use(self, settings):
        """Take what the panel says now."""
        old, self.settings = self.settings, settings
        if self._work is None or old == settings:
            return
        if old.model != settings.model:
            self._prepare()
        asks = ("model", "window", "fromSegment", "fromOthers")
        if any(getattr(old, name) != getattr(settings, name) for name in asks):
            self._askAgain()
        elif old.cleanUp != settings.cleanUp or settings.cleanUp != CleanUp():
            later(CLEAN_UP_DELAY, lambda: self._show() if self.settings is settings else None)
        else:
            self._previews.setColors(self._color, settings.threshold)

    def add(self, plane, addTo):
        """Take a prompt on a slice and ask what it means there.

        Parameters
        ----------
        plane
            The `SlicePlane`.
        addTo
            Puts the prompt into the `PromptStore` that it is called with.
        """
        if self._work is not None:
            self.frames.stop()
            self._guarded(lambda: self._change(addTo))
            self._guarded(lambda: self._askSlice(plane))

    def askRestored(self):
        """Ask about the slices of prompts that came with the scene, unless something was asked about the segment."""
        if self._work is not None and not self._work.wasAsked:
            self._guarded(self._askPrompted)

    def undoPrompt(self):
        """Take the newest prompt back."""
        if self._work is not None:
            self._change(lambda store: store.removeLast())
            self._askAgain()

    def removePrompt(self, isNear):
        """Remove the newest prompt of whose world positions (n, 3) `isNear` is true; return whether there is one."""
        wasRemoved = self._work is not None and self._change(lambda store: store.removeNear(isNear))
        if wasRemoved:
            self._askAgain()
        return wasRemoved

    def clearPrompts(self):
        """Remove all prompts of the segment and what was found with them."""
        if self._work is not None:
            self.frames.stop()
            self._runs.cancel(self._work.routingKey(""))
            self._change(lambda store: store.clear())
            self._work.forget()
            self._show()

    def propagate(self):
        """Fill the volume from the prompts."""
        if self._work is not None:
            self._guarded(lambda: self._ask(self._work, WHOLE_VOLUME, None))

    def propagateFrames(self):
        """Fill the volume from the prompts on every frame of its sequence."""
        work = self._work
        if not self.hasFrames:
            return
        self.frames.stop()
        self._runs.cancel(work.routingKey(""))
        self._watch.leaveVolume()

        def ask():
            work.turnTo(self._images.of(work.volumeNode), self.frames.item, startsFrame=True)
            self._ask(work, WHOLE_VOLUME, None)

        self.frames.ask(work, lambda: self._guarded(ask), self._framesEnded)

    def undoFrames(self):
        """Bring the segmentation of every frame back to what it was before it was applied to them."""
        if self.frames.undo():
            self.say(_("Taken back on all frames."))

    def cancel(self):
        """Stop what is under way; what was found before stays."""
        self.frames.stop()
        self._runs.cancel()
        self.say(_("Cancelled. Your prompts are kept."))

    def apply(self):
        """Write everything that was found into the segment, as one step of undo; return whether anything changed."""
        work = self._work
        if work is None or not self._isCurrent(work) or not work.isAnswered:
            return False
        self.frames.stop()
        self._runs.cancel(work.routingKey(""))
        try:
            written, said = self._write(work)
        except MedSegAIError as error:
            self.say(str(error))
            return False
        work.forget()
        self._show()
        self.say(" ".join(dict.fromkeys(warning for one in written for warning in one.warnings)) or said)
        return any(one.segmentId is not None for one in written)

    def _write(self, work):
        if not (work.frames and self.hasFrames):
            changes, tags = changesOf(work, self.settings)
            return [self._writer.writeChanges(work.segmentationNode, changes, work.segmentId, tags=tags)], _("Applied.")
        self._watch.leaveVolume()
        try:
            written = self.frames.write(work, self._images, self._writer, lambda shown: changesOf(shown, self.settings))
        finally:
            self._watch.follow(work)
        said = _("Applied to {0} frames. 'Undo all frames' takes it back; the editor's Undo does not.")
        return written, said.format(len(written))

    def _framesEnded(self):
        """Show the answer of the frame that was in view at first."""
        work = self._work
        if work is not None and work.isAlive:
            self._watch.follow(self._work)
            self._guarded(lambda: self._imageOf(work))
        self._show()

    def _leave(self):
        self.frames.stop()
        if self._work is not None:
            self._work.store.setVisible(False)
        self._work, self.message = None, ""
        self._watch.stop()
        self._previews.hide()

    def _prepare(self):
        """Hand the volume to the engine process, and let it load the model, ahead of the first click."""
        self._guarded(lambda: self.engine.prepare(self._images.of(self._work.volumeNode), self.settings.model))

    def _change(self, change):
        """Change prompts without taking that for the user's dragging; return what the change returns."""
        self._watch.leavePrompts()
        changed = change(self._work.store)
        self._watch.follow(self._work)
        return changed

    def _promptsMoved(self):
        work = self._work

        def follow():
            if work is self._work is not None and work.isAlive:
                self._guarded(self._followPrompts)

        later(0, follow)

    def _followPrompts(self):
        """Ask again after a prompt was dragged or deleted; where one was dragged to becomes a slice of its own."""
        work = self._work
        takeNewPlanes(work, self._imageOf(work), lambda: _shownPlanes()[:1])
        self._askAgain()

    def _volumeChanged(self):
        work = self._work
        later(0, lambda: self._checkVolume() if work is self._work is not None else None)

    def _checkVolume(self):
        work = self._work
        if self.frames.isRunning or not work.isAlive or not (work.planes or work.frames) or self._isCurrent(work):
            return
        if work.frames:
            self._runs.cancel(work.routingKey(""))
            self._guarded(lambda: self._imageOf(work))
            self._show()
            return
        self._runs.cancel(work.routingKey(""))
        work.forget()
        self._show()
        self.say(_("The volume has changed. Your prompts are kept; click again or propagate."))

    def _imageOf(self, work):
        image = self._images.of(work.volumeNode)
        if image is not work.image:
            frames = SequenceFrames.of(work.volumeNode)
            work.turnTo(image, frames.shown if frames is not None else None)
        return image

    def _isCurrent(self, work):
        return work.isAlive and work.image is not None and self._images.isCurrent(work.volumeNode, work.image)

    def _askAgain(self):
        """Ask for every prompted slice again; those without prompts lose their answer."""
        if self._work is not None:
            self.frames.stop()
            self._work.frames.clear()
            self._work.answers.pop(WHOLE_VOLUME, None)
            for plane in list(self._work.planes.values()):
                self._guarded(lambda plane=plane: self._askSlice(plane))
            self._show()

    def _askPrompted(self):
        self._imageOf(self._work)
        for plane in self._work.promptedPlanes(_shownPlanes()):
            self._askSlice(plane)

    def _askSlice(self, plane):
        work = self._work
        self._imageOf(work)
        key, prompts = work.promptsOn(plane)
        if not prompts:
            work.planes.pop(key, None)
            work.answers.pop(key, None)
            self._show()
            return
        work.planes[key] = work.planes.pop(key, plane)
        self._ask(work, key, plane, prompts)

    def _ask(self, work, key, plane, prompts=None):
        """Ask the engine about a slice, or without a plane about the whole structure."""
        image = self._imageOf(work)
        task = promptTask(work, image, self.settings, plane, prompts)
        self.message, work.wasAsked = "", True
        self._runs.ask(
            work.routingKey(key),
            image,
            task,
            lambda result: self._answered(work, key, Answer(result, task)),
            lambda error: self._failed(work, key, error),
        )

    def _answered(self, work, key, answer):
        if not self._isCurrent(work):
            self.frames.stop()
            return
        work.add(key, answer)
        if work is self._work:
            self._show()
            self.say(" ".join(answer.result.warnings))
        self.frames.goOn()

    def _failed(self, work, key, error):
        logging.info("MedSegAI: %s", error)
        if isinstance(error, (NoPositivePrompt, PromptOutsideImage)):
            work.answers.pop(key, None)
        self.frames.stop()
        if work is self._work:
            self._show()
            self.say(str(error))

    def _show(self):
        work = self._work
        if work is None or not self._isCurrent(work):
            self._previews.hide()
        else:
            settings = self.settings
            patches = work.previews(settings.threshold, settings.cleanUp)
            self._previews.show(patches, self._color, settings.threshold)
        self._onChange()

    @property
    def _color(self):
        return self._work.segmentationNode.GetSegmentation().GetSegment(self._work.segmentId).GetColor()

    def _guarded(self, action):
        """Do something that may be refused, and say so in the panel."""
        try:
            action()
        except MedSegAIError as error:
            self.frames.stop()
            self.say(str(error))

    def say(self, text):
        """Show a message to the user."""
        self.message = text
        self._onChange()


def _shownPlanes():
    return [slicePlane(widget.mrmlSliceNode()) for widget in sliceWidgets()]
