"""The same prompts on every frame of a sequence: asked one after the other, written together, taken back together."""

from __future__ import annotations

from slicer.i18n import tr as _

from ..mrml.sequence_frames import FrameWriting, SequenceFrames
from .event_loop import later

PAUSE = 150
"""How long the answer of a frame is in view before the next frame is shown [ms]."""


class PromptFrames:
    """What is under way on the frames of one volume, and what was written on them last."""

    def __init__(self):
        self._run = self._writing = None

    @property
    def isRunning(self):
        """Whether there are frames still to be asked about."""
        return self._run is not None

    @property
    def item(self):
        """Number of the frame that is asked about."""
        return self._run.item

    @property
    def canUndo(self):
        """Whether a segment was written on frames and that can be taken back."""
        return self._writing is not None and self._writing.canUndo

    def progress(self, fraction, text):
        """Return the share [0, 1] of all frames that is done and words for it; the arguments are about one frame."""
        run = self._run
        if run is None:
            return fraction, text
        number = _("Frame {0} of {1}").format(run.item + 1, run.count)
        return (run.item + fraction) / run.count, f"{number}. {text}"

    def ask(self, work, ask, onEnd):
        """Ask on one frame after the other, then show the frame again that was in view before.

        Parameters
        ----------
        work
            The `PromptWork`; what it knew before is forgotten.
        ask
            Called without arguments when a frame is shown; the answer is told with `goOn`.
        onEnd
            Called without arguments when there is no frame left, or after `stop`.
        """
        work.forget()
        self._run = _Run(SequenceFrames.of(work.volumeNode), ask, onEnd)
        self._next(self._run)

    def goOn(self):
        """Turn to the next frame in a moment, if there is one to ask about."""
        run = self._run
        if run is not None:
            later(PAUSE, lambda: self._next(run))

    def stop(self):
        """Ask no more."""
        run, self._run = self._run, None
        if run is not None:
            run.frames.show(run.first)
            run.onEnd()

    def write(self, work, images, writer, changesOf):
        """Write the answers of every frame whose voxels are those that were segmented.

        Parameters
        ----------
        work
            The `PromptWork`.
        images
            The `SourceImages`.
        writer
            The `SegmentWriter`.
        changesOf
            Called with the work when a frame is shown; returns changes and tags, as `FrameWriting.write` takes them.

        Returns
        -------
        list of WrittenSegment
        """
        frames, written = SequenceFrames.of(work.volumeNode), []
        shown, self._writing = frames.shown, FrameWriting(frames, work.segmentationNode, work.segmentId)
        try:
            for item in [item for item, answers in work.frames.items() if answers]:
                frames.show(item)
                work.turnTo(images.of(work.volumeNode), item)
                if work.answers:
                    written.append(self._writing.write(writer, item, *changesOf(work)))
        finally:
            frames.show(shown)
        return written

    def undo(self):
        """Bring every frame back to what it was before it was written on; return whether there was anything."""
        if not self.canUndo:
            return False
        self._writing.undo()
        self._writing = None
        return True

    def _next(self, run):
        if run is not self._run:
            return
        run.item += 1
        if run.item < run.count and run.frames.isAlive:
            run.frames.show(run.item)
            run.ask()
        else:
            self.stop()


class _Run:
    """Which frames are asked about, and how far that is."""

    def __init__(self, frames, ask, onEnd):
        self.frames, self.ask, self.onEnd = frames, ask, onEnd
        self.first, self.count, self.item = frames.shown, frames.count, -1
