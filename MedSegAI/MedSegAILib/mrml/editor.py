"""Slicer's segment editor for the one writer: through an effect of the desktop, or without its window."""

from __future__ import annotations

from contextlib import contextmanager

import slicer
from MedSegAICore.errors import InvalidRequest

from .translation import tr as _


class LogicEditor:
    """A segment editor on one segmentation and one source volume, with its own undo.

    Parameters
    ----------
    segmentationNode
        The segmentation to edit; it gets the grid of the volume if it has none.
    volumeNode
        The source volume: the editable intensity range looks at it.
    segmentEditorNode
        Holds masking and overwrite mode. None makes one that is not saved with the scene; `close` removes it.

    Raises
    ------
    InvalidRequest
        The segmentation cannot be edited as voxels.
    """

    def __init__(self, segmentationNode, volumeNode, segmentEditorNode=None):
        self._ownNode = None
        if segmentEditorNode is None:
            segmentEditorNode = self._ownNode = _temporaryEditorNode(segmentationNode.GetScene())
        self.segmentEditorNode = segmentEditorNode
        self.segmentationNode = segmentationNode
        logic = self._logic = slicer.vtkSlicerSegmentEditorLogic()
        logic.SetMRMLScene(segmentationNode.GetScene())
        logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        logic.SetSegmentEditorNode(segmentEditorNode)
        segmentEditorNode.SetAndObserveSegmentationNode(segmentationNode)
        logic.SetSourceVolumeNode(volumeNode)
        if not logic.TrivialSetSourceRepresentationToBinaryLabelmap():
            self.close()
            message = _("'{name}' is made of surfaces, not of voxels.").format(name=segmentationNode.GetName())
            raise InvalidRequest(message, _("Convert it to a binary label map in the Segmentations module."))

    def close(self):
        """Remove what the constructor added to the scene; undo ends here."""
        self._logic.SetSegmentEditorNode(None)
        if self._ownNode is not None:
            self._ownNode.GetScene().RemoveNode(self._ownNode)
            self._ownNode = None

    def saveStateForUndo(self):
        """Remember the segmentation as it is now."""
        self._logic.SaveStateForUndo()

    def referenceGeometryImage(self):
        """Return the grid and the extent in which segments are edited, as an image without voxels."""
        self._logic.UpdateReferenceGeometryImage()
        return self._logic.GetReferenceGeometryImage()

    def modifySegmentByLabelmap(self, segmentationNode, segmentId, labelmap, mode):
        """Change a segment, with masking and overwrite mode."""
        logic = self._logic
        vtkModes = (logic.ModificationModeSet, logic.ModificationModeAdd, logic.ModificationModeRemove)
        logic.ModifySegmentByLabelmap(segmentationNode, segmentId, labelmap, vtkModes[mode], False, False)

    def overlapping(self):
        """Let what is written meanwhile take no voxels from other segments, whatever the overwrite mode is."""
        return _overwritingNothing(self.segmentEditorNode)

    @property
    def canUndo(self):
        """Whether there is a step to undo."""
        return self._logic.CanUndo()

    @property
    def canRedo(self):
        """Whether there is a step to do again."""
        return self._logic.CanRedo()

    def undo(self):
        """Go one step back."""
        self._logic.Undo()

    def redo(self):
        """Go one step forward again."""
        self._logic.Redo()


class EffectEditor:
    """The Segment Editor that an effect belongs to: its masking, its overwrite mode and its undo.

    Parameters
    ----------
    scriptedEffect
        What Slicer hands to an effect's constructor.
    """

    def __init__(self, scriptedEffect):
        self._scriptedEffect = scriptedEffect

    def saveStateForUndo(self):
        """Remember the segmentation as it is now."""
        self._scriptedEffect.saveStateForUndo()

    def referenceGeometryImage(self):
        """Return the grid and the extent in which segments are edited, as an image without voxels."""
        # an empty modifier label map has the same grid, but to fill one costs more than all the rest of a write
        return self._scriptedEffect.referenceGeometryImage()

    def modifySegmentByLabelmap(self, segmentationNode, segmentId, labelmap, mode):
        """Change a segment, with masking and overwrite mode."""
        # a plain int: PythonQt does not take another enum for its own
        self._scriptedEffect.modifySegmentByLabelmap(segmentationNode, segmentId, labelmap, int(mode))

    def overlapping(self):
        """Let what is written meanwhile take no voxels from other segments, whatever the overwrite mode is."""
        return _overwritingNothing(self._scriptedEffect.parameterSetNode())


@contextmanager
def _overwritingNothing(segmentEditorNode):
    before = segmentEditorNode.GetOverwriteMode()
    segmentEditorNode.SetOverwriteMode(segmentEditorNode.OverwriteNone)
    try:
        yield
    finally:
        segmentEditorNode.SetOverwriteMode(before)


def _temporaryEditorNode(scene):
    node = slicer.vtkMRMLSegmentEditorNode()
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    scene.AddNode(node)
    return node
