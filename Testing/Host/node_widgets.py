"""Slicer's widgets that choose nodes and place markups: the parts of them that the project uses."""

from __future__ import annotations

import slicer
from Host import qt_shim as qt
from Host.observing import observe
from Host.pythonqt import plain_property
from Host.slice_view import qMRMLWidget

SCENE_EVENTS = (
    slicer.vtkMRMLScene.NodeAddedEvent,
    slicer.vtkMRMLScene.NodeRemovedEvent,
    slicer.vtkMRMLScene.EndCloseEvent,
    slicer.vtkMRMLScene.EndImportEvent,
)


class qMRMLNodeComboBox(qt.QWidget):
    """A list of the nodes of some classes."""

    currentNodeChanged = qt.Signal((object,), (bool,))
    currentNodeIDChanged = qt.Signal(str)
    nodeAddedByUser = qt.Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene, self._types, self._attributes = None, [], []
        self._none, self._noneText, self._hidden, self._children, self._name = False, "None", False, True, ""
        self._add = self._remove = self._rename = self._edit = self._select = True
        self._ids, self._current = [], None
        self._list = qt.QComboBox()
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._list)
        self._list.activated.connect(lambda index: self.setCurrentNodeID(self._ids[index]))

    baseName = plain_property(str, "_name")
    addEnabled, removeEnabled = plain_property(bool, "_add"), plain_property(bool, "_remove")
    renameEnabled, editEnabled = plain_property(bool, "_rename"), plain_property(bool, "_edit")
    selectNodeUponCreation = plain_property(bool, "_select")
    showHidden, showChildNodeTypes = plain_property(bool, "_hidden"), plain_property(bool, "_children")
    noneDisplay = plain_property(str, "_noneText")

    def _setTypes(self, types):
        self._types = list(types)
        self._update()

    def _setNone(self, enabled):
        self._none = enabled
        self._update()

    nodeTypes = qt.Property("QStringList", lambda self: self._types, _setTypes)
    noneEnabled = qt.Property(bool, lambda self: self._none, _setNone)
    currentNodeID = qt.Property(str, lambda self: self._current or "", lambda self, value: self.setCurrentNodeID(value))

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        self._scene = scene
        if scene is not None:
            observe(self, scene, SCENE_EVENTS, "_update")
        self._update()

    def addAttribute(self, nodeType, name, value=None):
        self._attributes.append((nodeType, name, value))
        self._update()

    def nodeCount(self):
        return len(self._ids) - self._none

    def currentNode(self):
        return self._scene.GetNodeByID(self._current) if self._scene is not None and self._current else None

    def setCurrentNode(self, node):
        self.setCurrentNodeID(node if isinstance(node, str) or node is None else node.GetID())

    def setCurrentNodeID(self, nodeID):
        before, self._current = self._current, nodeID if nodeID in self._ids else None
        if self._current in self._ids:
            self._list.setCurrentIndex(self._ids.index(self._current))
        else:
            self._list.setCurrentIndex(self._ids.index(None) if None in self._ids else -1)
        if self._current != before:
            node = self.currentNode()
            self.currentNodeChanged[object].emit(node)
            self.currentNodeChanged[bool].emit(node is not None)
            self.currentNodeIDChanged.emit(self._current or "")

    def addNode(self, nodeType=None):
        node = self._scene.AddNewNodeByClass(nodeType or self._types[0], self._name)
        if self._select:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def _update(self):
        """List the nodes again; keep the choice, or take the first where there must be one."""
        nodes = [node for node in self._allNodes() if self._fits(node)]
        self._ids = [*([None] if self._none else []), *(node.GetID() for node in nodes)]
        self._list.clear()
        self._list.addItems([*([self._noneText] if self._none else []), *(node.GetName() for node in nodes)])
        kept = self._current if self._current in self._ids else next(iter(self._ids), None)
        self.setCurrentNodeID(kept)

    def _allNodes(self):
        number = 0 if self._scene is None else self._scene.GetNumberOfNodes()
        return [self._scene.GetNthNode(index) for index in range(number)]

    def _fits(self, node):
        kinds = [kind for kind in self._types if (node.IsA(kind) if self._children else node.GetClassName() == kind)]
        if not kinds or (node.GetHideFromEditors() and not self._hidden):
            return False
        wanted = [(name, value) for kind, name, value in self._attributes if node.IsA(kind)]
        return all(node.GetAttribute(name) == value if value else node.GetAttribute(name) for name, value in wanted)


class qMRMLSegmentSelectorWidget(qMRMLWidget):
    """A segmentation and one of its segments."""

    currentNodeChanged = qt.Signal((object,), (bool,))
    currentSegmentChanged = qt.Signal(str)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._nodes, self._segments, self._ids, self._current = qMRMLNodeComboBox(), qt.QComboBox(), [], ""
        self._nodes.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._none, self._tag = False, None
        layout = qt.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._nodes)
        layout.addWidget(self._segments)
        self._nodes.connect("currentNodeChanged(vtkMRMLNode*)", self._changedNode)
        self._segments.activated.connect(lambda index: self.setCurrentSegmentID(self._ids[index]))

    noneEnabled = plain_property(bool, "_none")

    def setMRMLScene(self, scene):
        super().setMRMLScene(scene)
        self._nodes.setMRMLScene(scene)

    def currentNode(self):
        return self._nodes.currentNode()

    def currentNodeID(self):
        return self._nodes.currentNodeID

    def setCurrentNode(self, node):
        self._nodes.setCurrentNode(node)

    def segmentIDs(self):
        return tuple(self._ids)

    def currentSegmentID(self):
        return self._current

    def setCurrentSegmentID(self, segmentID):
        before, self._current = self._current, segmentID if segmentID in self._ids else ""
        self._segments.setCurrentIndex(self._ids.index(self._current) if self._current else -1)
        if before != self._current:
            self.currentSegmentChanged.emit(self._current)

    def _changedNode(self, node):
        segmentation = node and node.GetSegmentation()
        if segmentation:
            events = (segmentation.SegmentAdded, segmentation.SegmentRemoved, segmentation.SegmentModified)
            observe(self, segmentation, events, "_update")
        self._update()
        self.currentNodeChanged[object].emit(node)
        self.currentNodeChanged[bool].emit(node is not None)

    def _update(self):
        segmentation = self.currentNode() and self.currentNode().GetSegmentation()
        self._ids = list(segmentation.GetSegmentIDs()) if segmentation else []
        self._segments.clear()
        self._segments.addItems([segmentation.GetSegment(segmentID).GetName() for segmentID in self._ids])
        self.setCurrentSegmentID(self._current)


class qSlicerMarkupsPlaceWidget(qt.QWidget):
    """The button that starts placing control points of a node."""

    ShowPlaceMultipleMarkupsOption, HidePlaceMultipleMarkupsOption, ForcePlaceSingleMarkup = 0, 1, 2
    ForcePlaceMultipleMarkups = 3
    activeMarkupsPlaceModeChanged = qt.Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene = self._node = None
        self._multiple, self._visible, self._wasPlacing = 0, True, False
        self._button, self._delete = qt.QToolButton(), qt.QToolButton()
        self._button.setCheckable(True)
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)
        layout.addWidget(self._delete)
        self._button.toggled.connect(self.setPlaceModeEnabled)

    placeMultipleMarkups = plain_property(int, "_multiple")
    buttonsVisible = plain_property(bool, "_visible")
    placeModeEnabled = qt.Property(bool, lambda self: self._isPlacing(), lambda self, on: self.setPlaceModeEnabled(on))

    def setMRMLScene(self, scene):
        self._scene = scene
        interaction = self.interactionNode()
        observe(self, interaction, (interaction.InteractionModeChangedEvent,), "_changed")

    def interactionNode(self):
        return self._scene.GetFirstNodeByClass("vtkMRMLInteractionNode")

    def selectionNode(self):
        return self._scene.GetFirstNodeByClass("vtkMRMLSelectionNode")

    def currentNode(self):
        return self._node

    def setCurrentNode(self, node):
        self._node = node
        self._changed()

    def placeButton(self):
        return self._button

    def deleteButton(self):
        return self._delete

    def setPlaceModeEnabled(self, enabled):
        interaction = self.interactionNode()
        if enabled == self._isPlacing() or self._node is None:
            return
        if enabled:
            self.selectionNode().SetReferenceActivePlaceNodeClassName(self._node.GetClassName())
            self.selectionNode().SetActivePlaceNodeID(self._node.GetID())
            interaction.SetPlaceModePersistence(self._multiple == self.ForcePlaceMultipleMarkups)
        interaction.SetCurrentInteractionMode(interaction.Place if enabled else interaction.ViewTransform)

    def _isPlacing(self):
        if self._scene is None or self._node is None:
            return False
        interaction = self.interactionNode()
        is_placing = interaction.GetCurrentInteractionMode() == interaction.Place
        return is_placing and self.selectionNode().GetActivePlaceNodeID() == self._node.GetID()

    def _changed(self):
        before, self._wasPlacing = self._wasPlacing, self._isPlacing()
        self._button.blockSignals(True)
        self._button.setChecked(self._wasPlacing)
        self._button.blockSignals(False)
        if before != self._wasPlacing:
            self.activeMarkupsPlaceModeChanged.emit(self._wasPlacing)
