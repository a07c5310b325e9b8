"""The smallest effect that edits: a click adds a cube of voxels, control-click takes one away."""

from __future__ import annotations

import numpy as np
import qt
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy


class DotEffect:
    def __init__(self, scriptedEffect):
        self.scriptedEffect = scriptedEffect
        scriptedEffect.name = "Dot"
        scriptedEffect.title = "Dot"
        scriptedEffect.perSegment = True
        self.events = []

    def clone(self):
        effect = slicer.qSlicerSegmentEditorScriptedEffect(None)
        effect.setPythonSource(__file__.replace("\\", "/"))
        return effect

    def setupOptionsFrame(self):
        self.size = qt.QSpinBox()
        self.size.setRange(0, 9)
        self.size.connect("valueChanged(int)", lambda _value: self.updateMRMLFromGUI())
        self.scriptedEffect.addLabeledOptionsWidget("Size:", self.size)

    def setMRMLDefaults(self):
        self.scriptedEffect.setParameterDefault("Size", 2)

    def updateGUIFromMRML(self):
        self.size.blockSignals(True)
        self.size.value = self.scriptedEffect.integerParameter("Size")
        self.size.blockSignals(False)

    def updateMRMLFromGUI(self):
        self.scriptedEffect.setParameter("Size", self.size.value)

    def activate(self):
        self.events.append("activate")

    def deactivate(self):
        self.events.append("deactivate")

    def sourceVolumeNodeChanged(self):
        self.events.append("volume")

    def processInteractionEvents(self, interactor, eventId, viewWidget):
        if eventId != vtk.vtkCommand.LeftButtonPressEvent:
            return False
        effect = self.scriptedEffect
        labelmap = effect.defaultModifierLabelmap()
        x, y = interactor.GetEventPosition()
        ijk = effect.xyToIjk(qt.QPoint(x, y), viewWidget, labelmap)
        voxels = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(labelmap.GetDimensions()[::-1])
        size = effect.integerParameter("Size")
        center = np.array([ijk.z(), ijk.y(), ijk.x()], dtype=int)
        voxels[tuple(slice(max(at - size, 0), at + size + 1) for at in center)] = 1
        effect.saveStateForUndo()
        mode = effect.ModificationModeRemove if interactor.GetControlKey() else effect.ModificationModeAdd
        effect.modifySelectedSegmentByLabelmap(labelmap, mode)
        return True
