"""What the sessions of effects have in common: a volume and a segmentation at a time, runs, previews, and words."""

from __future__ import annotations

import logging

import slicer
from MedSegAICore.errors import MedSegAIError
from slicer.i18n import tr as _

from ..mrml.node_watch import VOLUME_EVENTS, NodeWatch
from ..mrml.segments import SegmentWriter
from ..mrml.source_images import SourceImages
from .event_loop import later
from .run_controller import RunController
from .slice_previews import SlicePreviews


class EditorSession:
    """Keeps runs and previews for one Segment Editor; closing the scene stops everything.

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
        self._images = SourceImages()
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

    def close(self):
        """Take everything out of the views."""
        self._segmentationNode = self._volumeNode = None
        self._volumeWatch.stop()
        self.previews.hide()

    def end(self):
        """Stop everything, for good."""
        self._scene.RemoveObserver(self._sceneTag)
        self._stop()
        self.close()

    def cancel(self):
        """Stop what is under way."""
        self._stop()
        self.say(_("Cancelled."))

    def say(self, text):
        """Show a message to the user."""
        self.message = text
        self._onChange()

    def _follow(self, segmentationNode, volumeNode):
        """Work on a segmentation and a volume from now on."""
        self._segmentationNode, self._volumeNode = segmentationNode, volumeNode
        self._volumeWatch.follow([volumeNode] if volumeNode is not None else [], VOLUME_EVENTS)
        self.message = ""

    def _checkVolume(self):
        """Drop what was found on a volume that has changed or is gone."""

    def _removeDead(self):
        """Forget what was found on nodes that are not in the scene any more."""

    def _failed(self, error):
        logging.info("MedSegAI: %s", error)
        self.say(str(error))

    def _sceneClosed(self, _caller, _event):
        self._stop()
        self._removeDead()
        self.previews.hide()

    def _stop(self):
        self.runs.cancel()

    def _guarded(self, action):
        """Do something that may be refused, and say so in the panel."""
        try:
            action()
        except MedSegAIError as error:
            self.say(str(error))
