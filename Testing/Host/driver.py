"""A user's hands and eyes, by nothing but what a real Slicer has: scenarios run with it in the host and in Slicer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import slicer
from Host import waiting
from Host.mouse import Mouse
from Host.picture import picture_of, save_picture


class Driver:
    """Uses the application that is there."""

    def __init__(self) -> None:
        self._editors = []

    @property
    def scene(self):
        return slicer.mrmlScene

    def register_effect(self, file: Path) -> None:
        """Register the effect of a file as a module does at start; its package must have been imported."""
        effect = slicer.qSlicerSegmentEditorScriptedEffect(None)
        effect.setPythonSource(file.as_posix())
        slicer.qSlicerSegmentEditorEffectFactory.instance().registerEffect(effect)

    def open_editor(self, volume, segmentation, segment_id: str | None = None):
        """Return a Segment Editor on a volume and a segmentation, with the volume shown in the views."""
        editor = slicer.qMRMLSegmentEditorWidget()
        editor.setMRMLScene(self.scene)
        editor.setMRMLSegmentEditorNode(self.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
        editor.setSegmentationNode(segmentation)
        editor.setSourceVolumeNode(volume)
        if segment_id is not None:
            editor.setCurrentSegmentID(segment_id)
        self.show(volume)
        self._editors.append(editor)
        return editor

    def close_editors(self) -> None:
        """Leave the effects and end the editors."""
        for editor in self._editors:
            editor.setActiveEffect(None)
            editor.removeViewObservations()
            editor.deleteLater()
        self._editors.clear()

    def show(self, volume) -> None:
        """Show a volume in all slice views, fitted."""
        self._views()
        application = slicer.app.applicationLogic()
        application.GetSelectionNode().SetActiveVolumeID(volume.GetID())
        application.PropagateVolumeSelection(1)

    def view(self, name: str = "Red"):
        """Return what a slice view draws on: Red is axial, Green coronal, Yellow sagittal."""
        return slicer.app.layoutManager().sliceWidget(name).sliceView()

    def mouse(self, name: str = "Red") -> Mouse:
        return Mouse(self.view(name))

    def picture(self, name: str = "Red") -> np.ndarray:
        """Return the pixels of a view, uint8 (rows, columns, RGB)."""
        return picture_of(self.view(name))

    def save_picture(self, file: Path, name: str = "Red") -> None:
        save_picture(self.view(name), file)

    def jump_to(self, ras) -> None:
        """Show a position in all slice views."""
        for sliceWidget in self._views():
            sliceWidget.mrmlSliceNode().JumpSliceByOffsetting(*ras)

    def place(self, node_class: str, positions, view: str = "Red"):
        """Place a markup by clicks in a view, as the toolbar does; return its node."""
        node = self.scene.AddNewNodeByClass(node_class)
        node.CreateDefaultDisplayNodes()
        selection = slicer.app.applicationLogic().GetSelectionNode()
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        selection.SetReferenceActivePlaceNodeClassName(node_class)
        selection.SetActivePlaceNodeID(node.GetID())
        interaction.SetPlaceModePersistence(1)
        interaction.SetCurrentInteractionMode(interaction.Place)
        for position in positions:
            self.mouse(view).click(position)
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        return node

    def close_scene(self) -> None:
        """Do what File > Close scene does."""
        self.scene.Clear(0)

    def wait_until(self, condition, seconds: float = 20) -> float:
        """Let the application go on until a condition holds; return the seconds it took."""
        return waiting.wait_until(condition, seconds)

    def wait(self, seconds: float) -> None:
        """Let the application go on for some seconds."""
        waiting.wait(seconds)

    def _views(self) -> list:
        layout = slicer.app.layoutManager()
        return [layout.sliceWidget(name) for name in layout.sliceViewNames()]
