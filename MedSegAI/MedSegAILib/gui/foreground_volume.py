"""A volume in front of the anatomy, and away again."""

from __future__ import annotations

import slicer

OPACITY = 0.6


class ForegroundVolume:
    """Shows a volume in front of all others in every slice view, and brings back what was shown there before."""

    def __init__(self):
        self._before = []

    @property
    def isShown(self):
        return bool(self._before)

    def show(self, volumeNode):
        """Show a volume."""
        composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode", volumeNode.GetScene())
        if not self.isShown:
            self._before = [(one, one.GetForegroundVolumeID(), one.GetForegroundOpacity()) for one in composites]
        for composite in composites:
            composite.SetForegroundVolumeID(volumeNode.GetID())
            composite.SetForegroundOpacity(OPACITY)

    def hide(self):
        """Show what was there before, as far as it still is in the scene."""
        for composite, volumeId, opacity in self._before:
            scene = composite.GetScene()
            isThere = scene is not None and volumeId is not None and scene.GetNodeByID(volumeId) is not None
            composite.SetForegroundVolumeID(volumeId if isThere else None)
            composite.SetForegroundOpacity(opacity)
        self._before = []
