"""The frames of a sequence that a volume goes through, and a segment on each of them.

Slicer shows a frame by putting its content into proxy nodes. The content of a segmentation is then another object, with
which the Segment Editor forgets its steps of undo; so a change to several frames has an undo of its own.
"""

from __future__ import annotations

import slicer

from .segments import Change


class SequenceFrames:
    """The items of a sequence browser.

    Parameters
    ----------
    browserNode
        The browser that a volume is shown by.
    """

    def __init__(self, browserNode):
        self.browserNode = browserNode

    @classmethod
    def of(cls, volumeNode):
        """Return the frames that a volume shows one of; None if it is no part of a sequence."""
        if volumeNode is None or volumeNode.GetScene() is None:
            return None
        browserNode = _logic().GetFirstBrowserNodeForProxyNode(volumeNode)
        return cls(browserNode) if browserNode is not None and browserNode.GetNumberOfItems() > 1 else None

    @property
    def isAlive(self):
        """Whether the browser still is in the scene."""
        return self.browserNode.GetScene() is not None

    @property
    def count(self):
        return self.browserNode.GetNumberOfItems()

    @property
    def shown(self):
        """The number of the frame that is shown, from 0."""
        return self.browserNode.GetSelectedItemNumber()

    def show(self, item):
        """Put a frame into the proxy nodes; nothing happens after the browser was removed."""
        if not self.isAlive:
            return
        self.browserNode.SetPlaybackActive(False)
        self.browserNode.SetSelectedItemNumber(item)
        _logic().UpdateProxyNodesFromSequences(self.browserNode)

    def indexValue(self, item):
        """Return the name of a frame within the sequences, for instance its time."""
        return self.browserNode.GetMasterSequenceNode().GetNthIndexValue(item)


class FrameWriting:
    """One change of a segment on several frames, which can be taken back as a whole.

    A segmentation that was the same on all frames becomes a sequence of its own in the browser, as in Slicer's
    Sequences module.

    Parameters
    ----------
    frames
        The `SequenceFrames`.
    segmentationNode, segmentId
        The segment; a frame that has none gets one.
    """

    def __init__(self, frames, segmentationNode, segmentId):
        self._frames, self._segmentationNode, self._segmentId = frames, segmentationNode, segmentId
        segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
        self._name, self._color = segment.GetName(), segment.GetColor()
        self._before = {}
        self._sequence = frames.browserNode.GetSequenceNode(segmentationNode)
        self._isOwnSequence = self._sequence is None

    def write(self, writer, item, changes: tuple[Change, ...], tags):
        """Show a frame and change the segment on it with a `SegmentWriter`; return the `WrittenSegment`."""
        if self._sequence is None:
            self._sequence = self._newSequence()
        self._frames.show(item)
        segmentation = self._segmentationNode.GetSegmentation()
        before = slicer.vtkSegmentation()
        before.DeepCopy(segmentation)
        if segmentation.GetSegment(self._segmentId) is None:
            segmentation.AddEmptySegment(self._segmentId, self._name, self._color)
        written = writer.writeChanges(self._segmentationNode, changes, self._segmentId, tags=tags)
        self._before[item] = before
        self._keep(item)
        return written

    @property
    def canUndo(self):
        """Whether there is something to take back and all nodes are still there."""
        nodes = (self._segmentationNode, self._frames.browserNode, self._sequence)
        return bool(self._before) and all(node is not None and node.GetScene() is not None for node in nodes)

    def undo(self):
        """Bring the segmentation of every frame back to what it was, and leave the frame that is shown in view."""
        shown = self._frames.shown
        for item, before in self._before.items():
            self._frames.show(item)
            self._segmentationNode.SetAndObserveSegmentation(before)
            self._keep(item)
        self._before = {}
        self._frames.show(shown)
        if self._isOwnSequence:
            self._frames.browserNode.RemoveSynchronizedSequenceNode(self._sequence.GetID())
            self._sequence.GetScene().RemoveNode(self._sequence)

    def _newSequence(self):
        """Return a sequence with the segmentation as it is on every frame."""
        browserNode = self._frames.browserNode
        sequence = _logic().AddSynchronizedNode(None, self._segmentationNode, browserNode)
        browserNode.SetSaveChanges(sequence, True)  # what is edited on a frame later stays there, too
        for item in range(self._frames.count):
            sequence.SetDataNodeAtValue(self._segmentationNode, self._frames.indexValue(item))
        return sequence

    def _keep(self, item):
        self._sequence.SetDataNodeAtValue(self._segmentationNode, self._frames.indexValue(item))


def _logic():
    return slicer.modules.sequences.logic()
