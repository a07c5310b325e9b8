"""The uncertainty of a result as a volume of the scene, on the grid of the image."""

from __future__ import annotations

import slicer

from .translation import tr as _

ROLE = "MedSegAI.Uncertainty"
"""Role of the reference from a volume to the volume of its uncertainty."""

COLORS = "vtkMRMLColorTableNodeFileInferno.txt"

VISIBLE = 0.05
"""What is less uncertain is transparent."""


def uncertaintyVolume(patch, volumeNode):
    """Return the volume that shows an uncertainty; one that was made for the same image before is used again.

    Parameters
    ----------
    patch
        `VolumePatch` in [0, 1] on the grid of the image.
    volumeNode
        The image; the new volume lies under its transforms.
    """
    array, node = patch.full().astype("float32"), volumeNode.GetNodeReference(ROLE)
    if node is None:
        name = _("{volume} uncertainty").format(volume=volumeNode.GetName())
        node = volumeNode.GetScene().AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        node.CreateDefaultDisplayNodes()
        _colorize(node.GetDisplayNode())
        volumeNode.SetNodeReferenceID(ROLE, node.GetID())
    node.CopyOrientation(volumeNode)
    node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    slicer.util.updateVolumeFromArray(node, array)
    return node


def _colorize(display):
    """Show 0 to 1, from transparent to bright."""
    if display.GetScene().GetNodeByID(COLORS) is not None:
        display.SetAndObserveColorNodeID(COLORS)
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0.0, 1.0)
    display.SetThreshold(VISIBLE, 1.0)
    display.ApplyThresholdOn()
