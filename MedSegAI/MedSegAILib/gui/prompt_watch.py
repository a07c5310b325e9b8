"""What happens to prompts and to the volume without the effect's doing."""

from __future__ import annotations

import slicer

from ..mrml.node_watch import VOLUME_EVENTS, NodeWatch

PROMPT_EVENTS = (slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent, slicer.vtkMRMLMarkupsNode.PointRemovedEvent)
"""What happens to prompts when the user drags or deletes them."""


class PromptWatch:
    """Tells when the user drags or deletes prompts of a work, and when its volume may have changed.

    Parameters
    ----------
    onPrompts, onVolume
        Called without arguments.
    """

    def __init__(self, onPrompts, onVolume):
        self._prompts, self._volume = NodeWatch(onPrompts), NodeWatch(onVolume)

    def follow(self, work):
        """Follow the prompts and the volume of a `PromptWork` as they are now, and no others."""
        self._prompts.follow(work.store.nodes(), PROMPT_EVENTS)
        self._volume.follow([work.volumeNode], VOLUME_EVENTS)

    def stop(self):
        """Follow nothing."""
        self._prompts.stop()
        self._volume.stop()

    def leavePrompts(self):
        """Follow the prompts no longer: what happens to them now is the effect's own doing."""
        self._prompts.stop()

    def leaveVolume(self):
        """Follow the volume no longer: it is turned from frame to frame."""
        self._volume.stop()
