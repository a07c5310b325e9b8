"""Observers of nodes, kept together so that none outlives its use."""

from __future__ import annotations

import slicer
import vtk

VOLUME_EVENTS = (
    vtk.vtkCommand.ModifiedEvent,
    slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)
"""What may change the voxels of a volume or their place."""


class NodeWatch:
    """Calls `onEvent` without arguments when a followed node invokes one of some events, or leaves the scene."""

    def __init__(self, onEvent):
        self._onEvent = onEvent
        self._nodes, self._observations = [], []

    def follow(self, nodes, events):
        """Follow these nodes and no others; `events` are numbers, as `AddObserver` takes them."""
        self.stop()
        self._nodes = list(nodes)
        for node in self._nodes:
            self._observations += [(node, node.AddObserver(event, self._heard)) for event in events]
        for scene in {node.GetScene() for node in self._nodes}:
            self._observations.append((scene, scene.AddObserver(scene.NodeRemovedEvent, self._removed)))

    def stop(self):
        """Follow nothing."""
        for node, tag in self._observations:
            node.RemoveObserver(tag)
        self._nodes, self._observations = [], []

    def _heard(self, _caller, _event):
        self._onEvent()

    def _removed(self, scene, _event):
        left = [node for node in self._nodes if scene.IsNodePresent(node)]
        if len(left) < len(self._nodes):
            self._nodes = left
            self._onEvent()
