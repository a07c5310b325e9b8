"""The Segment Editor's widget: it hosts the effects and brings them the events of the slice views."""

from __future__ import annotations

import slicer
import vtk
from Host import qt_shim as qt
from Host.observing import observe
from Host.scripted_effect import qSlicerSegmentEditorEffectFactory
from Host.slice_view import qMRMLWidget

VIEW_EVENTS = (
    "LeftButtonPressEvent",
    "LeftButtonReleaseEvent",
    "LeftButtonDoubleClickEvent",
    "RightButtonPressEvent",
    "RightButtonReleaseEvent",
    "MiddleButtonPressEvent",
    "MiddleButtonReleaseEvent",
    "MouseMoveEvent",
    "MouseWheelForwardEvent",
    "MouseWheelBackwardEvent",
    "KeyPressEvent",
    "KeyReleaseEvent",
    "EnterEvent",
    "LeaveEvent",
)
BEFORE_OTHERS = 20.0


class qMRMLSegmentEditorWidget(qMRMLWidget):
    """An editor without its table of segments: nodes, effects, undo."""

    currentSegmentIDChanged = qt.Signal(str)
    sourceVolumeNodeChanged = qt.Signal(object)
    segmentationNodeChanged = qt.Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._logic = slicer.vtkSlicerSegmentEditorLogic()
        self._node = self._active = None
        self._seen = {}
        self._observed = []
        self._layout = qt.QVBoxLayout(self)
        self._effects = {}
        self.updateEffectList()
        factory = qSlicerSegmentEditorEffectFactory.instance()
        factory.connect("effectRegistered(QString)", self.updateEffectList)

    # scene and nodes

    def setMRMLScene(self, scene):
        super().setMRMLScene(scene)
        self._logic.SetMRMLScene(scene)
        self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        observe(self, scene, (scene.StartCloseEvent,), "_leaveScene")
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        observe(self, interaction, (interaction.InteractionModeChangedEvent,), "_changedMode")

    def setMRMLSegmentEditorNode(self, node):
        self._node = node
        self._logic.SetSegmentEditorNode(node)
        for effect in self._effects.values():
            effect.setParameterSetNode(node)
        if node is not None:
            observe(self, node, (vtk.vtkCommand.ModifiedEvent,), "updateWidgetFromMRML")
            observe(self, node, (node.EffectParameterModified,), "_updateEffect")
            self.updateWidgetFromMRML()

    def mrmlSegmentEditorNode(self):
        return self._node

    def setSegmentationNode(self, node):
        self._node.SetAndObserveSegmentationNode(node)
        if node is not None:
            self._logic.TrivialSetSourceRepresentationToBinaryLabelmap()
            if node.GetSegmentation().GetNumberOfSegments() and not self._node.GetSelectedSegmentID():
                self.setCurrentSegmentID(node.GetSegmentation().GetNthSegmentID(0))

    def segmentationNode(self):
        return None if self._node is None else self._node.GetSegmentationNode()

    def setSourceVolumeNode(self, node):
        self._logic.SetSourceVolumeNode(node)

    def sourceVolumeNode(self):
        return None if self._node is None else self._node.GetSourceVolumeNode()

    def setCurrentSegmentID(self, segmentID):
        self._node.SetSelectedSegmentID(segmentID)

    def currentSegmentID(self):
        return self._node.GetSelectedSegmentID() or ""

    def updateWidgetFromMRML(self):
        """Tell the effects and the world what has changed in the editor's node."""
        node = self._node
        if node is None:
            return
        segmentation = node.GetSegmentationNode()
        geometry = segmentation and segmentation.GetSegmentation().GetConversionParameter("Reference image geometry")
        if self._hasChanged("segmentation", segmentation):
            self.segmentationNodeChanged.emit(segmentation)
        if self._hasChanged("volume", node.GetSourceVolumeNode()):
            self.sourceVolumeNodeChanged.emit(node.GetSourceVolumeNode())
            self._tellAll("sourceVolumeNodeChanged")
        if self._hasChanged("geometry", geometry):
            self._tellAll("referenceGeometryChanged")
        if self._hasChanged("segment", node.GetSelectedSegmentID()):
            self.currentSegmentIDChanged.emit(node.GetSelectedSegmentID() or "")
        self._updateEffect()

    def _updateEffect(self):
        if self._active is not None:
            self._active.updateGUIFromMRML()

    def _hasChanged(self, key, value):
        before, self._seen[key] = self._seen.get(key), value
        return before is not value and before != value

    def _tellAll(self, method):
        for effect in self._effects.values():
            effect.host_call(method)

    def _leaveScene(self):
        self.setActiveEffect(None)
        self.setMRMLSegmentEditorNode(None)
        self._seen.clear()

    def _changedMode(self):
        if self._active is not None:
            self._active.host_interaction_mode(slicer.app.applicationLogic().GetInteractionNode())

    # effects

    def updateEffectList(self):
        """Make clones of effects that were registered since."""
        for effect in qSlicerSegmentEditorEffectFactory.instance().registeredEffects():
            if effect.name not in self._effects:
                clone = self._effects[effect.name] = effect.host_clone(self)
                self._layout.addWidget(clone.optionsFrame())
                clone.optionsFrame().hide()
                clone.setParameterSetNode(self._node)

    def availableEffectNames(self):
        return tuple(self._effects)

    def effectCount(self):
        return len(self._effects)

    def effectByName(self, name):
        return self._effects.get(name)

    def activeEffect(self):
        return self._active

    def setActiveEffectByName(self, name):
        self.setActiveEffect(self._effects.get(name))

    def setActiveEffect(self, effect):
        if effect is self._active:
            return
        if self._active is not None:
            before, self._active = self._active, None
            before.deactivate()
            self.removeViewObservations()
        if effect is not None:
            self._active = effect
            self.setupViewObservations()
            effect.activate()
            effect.updateGUIFromMRML()
        if self._node is not None:
            self._node.SetActiveEffectName("" if effect is None else effect.name)

    # undo

    def saveStateForUndo(self):
        self._logic.SaveStateForUndo()

    def undo(self):
        self._logic.Undo()

    def redo(self):
        self._logic.Redo()

    # views

    def setupViewObservations(self):
        self.removeViewObservations()
        for name in slicer.app.layoutManager().sliceViewNames():
            widget = slicer.app.layoutManager().sliceWidget(name)
            interactor = widget.sliceView().interactor()
            for event in VIEW_EVENTS:
                self._observeView(interactor, event, widget)
            tag = widget.mrmlSliceNode().AddObserver(vtk.vtkCommand.ModifiedEvent, self._onViewNode(widget))
            self._observed.append((widget.mrmlSliceNode(), tag))

    def removeViewObservations(self):
        for thing, tag in self._observed:
            thing.RemoveObserver(tag)
        self._observed.clear()

    def _observeView(self, interactor, event, widget):
        def heard(*_):
            if self._active and self._active.host_event("processInteractionEvents", interactor, eventId, widget):
                interactor.GetCommand(tag).SetAbortFlag(1)

        eventId = vtk.vtkCommand.GetEventIdFromString(event)
        tag = interactor.AddObserver(event, heard, BEFORE_OTHERS)
        self._observed.append((interactor, tag))

    def _onViewNode(self, widget):
        def heard(node, _event):
            if self._active is not None:
                self._active.host_call("processViewNodeEvents", node, vtk.vtkCommand.ModifiedEvent, widget)

        return heard
