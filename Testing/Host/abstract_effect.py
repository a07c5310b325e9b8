"""What the desktop's C++ base class offers every Segment Editor effect; the edits are made by the real editor logic."""

from __future__ import annotations

import slicer
from Host import qt_shim as qt
from Host.pythonqt import plain_property

Logic = slicer.vtkSlicerSegmentEditorLogic
MODES = (
    Logic.ModificationModeSet,
    Logic.ModificationModeAdd,
    Logic.ModificationModeRemove,
    Logic.ModificationModeRemoveAll,
)
WHOLE = [0, -1, 0, -1, 0, -1]


class qSlicerSegmentEditorAbstractEffect(qt.QObject):
    """An effect without its own behaviour: options, parameters, images and views."""

    ModificationModeSet, ModificationModeAdd, ModificationModeRemove, ModificationModeRemoveAll = range(4)
    NotConfirmed, ConfirmedWithoutDialog, ConfirmedWithDialog = range(3)

    name = plain_property(str, "_name")
    title = plain_property(str, "_title")
    perSegment = plain_property(bool, "_perSegment")
    requireSegments = plain_property(bool, "_requireSegments")
    showEffectCursorInSliceView = plain_property(bool, "_sliceCursor")
    showEffectCursorInThreeDView = plain_property(bool, "_threeDCursor")

    def __init__(self, parent=None):
        super().__init__(parent)
        self._name = self._title = ""
        self._perSegment = self._requireSegments = self._sliceCursor = True
        self._threeDCursor = False
        self._editor = self._node = None
        self._frame = qt.QFrame()
        self._layout = qt.QFormLayout(self._frame)

    # options

    def optionsFrame(self):
        return self._frame

    def optionsLayout(self):
        return self._layout

    def addOptionsWidget(self, widget):
        self._layout.addRow(widget)

    def addLabeledOptionsWidget(self, label, widget):
        self._layout.addRow(label, widget)
        return self._layout.labelForField(widget)

    # parameters: attributes of the editor's node, those of one effect with its name in front

    def scene(self):
        return None if self._node is None else self._node.GetScene()

    def parameterSetNode(self):
        return self._node

    def setParameterSetNode(self, node):
        self._node = node

    def parameter(self, name):
        found = self._attribute(self._own(name)) or self._attribute(name)
        if found is None:
            qt.qCritical(f"{self._name}: parameter named {name} cannot be found")
        return found or ""

    def integerParameter(self, name):
        value = self.parameter(name)
        return int(value) if value.lstrip("+-").isdigit() else 0

    def doubleParameter(self, name):
        return float(self.parameter(name) or 0)

    def parameterDefined(self, name):
        return self._attribute(self._own(name)) is not None

    def commonParameterDefined(self, name):
        return self._attribute(name) is not None

    def setParameter(self, name, value):
        self._setAttribute(self._own(name), value)

    def setCommonParameter(self, name, value):
        self._setAttribute(name, value)

    def setParameterDefault(self, name, value):
        if not self.parameterDefined(name):
            self.setParameter(name, value)

    def setCommonParameterDefault(self, name, value):
        if not self.commonParameterDefined(name):
            self.setCommonParameter(name, value)

    def nodeReference(self, name):
        return self._node.GetNodeReference(self._own(name)) or self._node.GetNodeReference(name)

    def setNodeReference(self, name, node):
        self.setCommonNodeReference(self._own(name), node)

    def setCommonNodeReference(self, name, node):
        self._node.SetNodeReferenceID(name, None if node is None else node.GetID())

    def _own(self, name):
        return f"{self._name}.{name}"

    def _attribute(self, key):
        return None if self._node is None else self._node.GetAttribute(key)

    def _setAttribute(self, key, value):
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            message = f"{key}: a parameter is text or a number, not a {type(value).__name__}."
            raise ValueError(message)
        if self._attribute(key) == str(value):
            return
        disabled = self._node.GetDisableModifiedEvent()
        self._node.SetDisableModifiedEvent(1)
        self._node.SetAttribute(key, str(value))
        self._node.SetDisableModifiedEvent(disabled)
        self._node.InvokeCustomModifiedEvent(slicer.vtkMRMLSegmentEditorNode.EffectParameterModified)

    # images

    def modifierLabelmap(self):
        return self._editor._logic.GetModifierLabelmap()

    def defaultModifierLabelmap(self):
        self._editor._logic.ResetModifierLabelmapToDefault()
        return self._editor._logic.GetModifierLabelmap()

    def maskLabelmap(self):
        self._editor._logic.UpdateMaskLabelmap()
        return self._editor._logic.GetMaskLabelmap()

    def selectedSegmentLabelmap(self):
        self._editor._logic.UpdateSelectedSegmentLabelmap()
        return self._editor._logic.GetSelectedSegmentLabelmap()

    def referenceGeometryImage(self):
        self._editor._logic.UpdateReferenceGeometryImage()
        return self._editor._logic.GetReferenceGeometryImage()

    def sourceVolumeImageData(self):
        return self._editor._logic.GetAlignedSourceVolume() if self._editor._logic.UpdateAlignedSourceVolume() else None

    def saveStateForUndo(self):
        self._editor._logic.SaveStateForUndo()

    def modifySelectedSegmentByLabelmap(self, labelmap, mode, extent=WHOLE, bypassMasking=False):
        node = self._node
        self.modifySegmentByLabelmap(
            node.GetSegmentationNode(), node.GetSelectedSegmentID(), labelmap, mode, extent, bypassMasking
        )

    def modifySegmentByLabelmap(self, segmentation, segmentID, labelmap, mode, extent=WHOLE, bypassMasking=False):
        if isinstance(extent, bool):
            extent, bypassMasking = WHOLE, extent
        self._editor._logic.ModifySegmentByLabelmap(
            segmentation, segmentID, labelmap, MODES[mode], list(extent), self._perSegment, bypassMasking
        )

    def confirmCurrentSegmentVisible(self):
        return self.ConfirmedWithoutDialog if self._editor._logic.IsSelectedSegmentVisible() else self.NotConfirmed

    # views

    def viewNode(self, viewWidget):
        return viewWidget.mrmlSliceNode()

    def renderWindow(self, viewWidget):
        return viewWidget.sliceView().renderWindow()

    def renderer(self, viewWidget):
        return self.renderWindow(viewWidget).GetRenderers().GetFirstRenderer()

    def addActor2D(self, viewWidget, actor):
        self.renderer(viewWidget).AddViewProp(actor)

    def removeActor2D(self, viewWidget, actor):
        self.renderer(viewWidget).RemoveViewProp(actor)

    def scheduleRender(self, viewWidget):
        viewWidget.sliceView().scheduleRender()

    def forceRender(self, viewWidget):
        viewWidget.sliceView().forceRender()

    def cursorOff(self, viewWidget):
        viewWidget.sliceView().setViewCursor(qt.QCursor(qt.Qt.BlankCursor))

    def cursorOn(self, viewWidget):
        viewWidget.sliceView().unsetViewCursor()

    def sliceSpacing(self, sliceWidget):
        return Logic.GetSliceSpacing(sliceWidget.mrmlSliceNode(), sliceWidget.sliceLogic())

    def segmentationDisplayableInView(self, viewNode):
        return self._editor._logic.IsSegmentationDisplayableInView(viewNode)

    def xyToRas(self, xy, sliceWidget):
        return self.xyzToRas(qt.QVector3D(xy.x(), xy.y(), 0), sliceWidget)

    def xyzToRas(self, xyz, sliceWidget):
        return qt.QVector3D(*sliceWidget.sliceView().convertXYZToRAS((xyz.x(), xyz.y(), xyz.z())))

    def rasToXy(self, ras, sliceWidget):
        x, y, _ = sliceWidget.sliceView().convertRASToXYZ((ras.x(), ras.y(), ras.z()))
        return qt.QPoint(round(x), round(y))

    def xyToIjk(self, xy, sliceWidget, image, parentTransform=None):
        return self.xyzToIjk(qt.QVector3D(xy.x(), xy.y(), 0), sliceWidget, image, parentTransform)

    def xyzToIjk(self, xyz, sliceWidget, image, parentTransform=None):
        ijk = [0, 0, 0]
        Logic.XyzToIjk((xyz.x(), xyz.y(), xyz.z()), ijk, sliceWidget.mrmlSliceNode(), image, parentTransform)
        return qt.QVector3D(*ijk)
