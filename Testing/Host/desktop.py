"""Slicer's desktop in a test: a scene, slice views, a Segment Editor, and hands to use them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import slicer
from Host import qt_shim as qt
from Host.application import application
from Host.mouse import Mouse
from Host.picture import picture_of, save_picture
from Host.scripted_effect import qSlicerSegmentEditorEffectFactory, qSlicerSegmentEditorScriptedEffect
from Host.scripted_modules import load_module
from Host.segment_editor import qMRMLSegmentEditorWidget
from Host.slicer_scene import SlicerHost


@dataclass
class Desktop:
    """One run of the application.

    `errors` holds what callbacks have raised: the desktop would print it and go on.
    """

    host: SlicerHost
    errors: list[BaseException] = field(default_factory=list)
    editors: list[qMRMLSegmentEditorWidget] = field(default_factory=list)

    @property
    def scene(self):
        return self.host.scene

    def start(self, folder: Path, modules: Iterable[Path] = ()) -> None:
        """Start the application.

        Parameters
        ----------
        folder
            Where settings go.
        modules
            Files of scripted modules to load.
        """
        application.attach(self.host)
        qt.QSettings.setDefaultFormat(qt.QSettings.IniFormat)
        qt.QSettings.setPath(qt.QSettings.IniFormat, qt.QSettings.UserScope, str(folder))
        for file in modules:
            load_module(file)
        application.startupCompleted.emit()

    def heard_error(self, _kind, error, _trace) -> None:
        self.errors.append(error)

    def register_effect(self, file: Path) -> None:
        """Register the effect of a file as a module does at start; its package must have been imported."""
        effect = qSlicerSegmentEditorScriptedEffect(None)
        effect.setPythonSource(str(file))
        qSlicerSegmentEditorEffectFactory.instance().registerEffect(effect)

    def open_editor(self, volume, segmentation, segment_id: str | None = None) -> qMRMLSegmentEditorWidget:
        """Return a Segment Editor on a volume and a segmentation, with the volume shown in the views."""
        editor = qMRMLSegmentEditorWidget()
        editor.setMRMLScene(self.scene)
        editor.setMRMLSegmentEditorNode(self.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
        editor.setSegmentationNode(segmentation)
        editor.setSourceVolumeNode(volume)
        if segment_id is not None:
            editor.setCurrentSegmentID(segment_id)
        self.show(volume)
        self.editors.append(editor)
        return editor

    def show(self, volume) -> None:
        """Show a volume in all slice views, fitted."""
        self.host.application.GetSelectionNode().SetActiveVolumeID(volume.GetID())
        slicer.app.layoutManager().resetSliceViews()
        self.host.application.PropagateVolumeSelection(1)

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
        for name in slicer.app.layoutManager().sliceViewNames():
            slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode().JumpSliceByOffsetting(*ras)

    def place(self, node_class: str, positions, view: str = "Red"):
        """Place a markup by clicks in a view, as the toolbar does; return its node."""
        node = self.scene.AddNewNodeByClass(node_class)
        node.CreateDefaultDisplayNodes()
        selection = self.host.application.GetSelectionNode()
        interaction = self.host.application.GetInteractionNode()
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

    def quit(self) -> None:
        """End the application."""
        for editor in self.editors:
            editor.setActiveEffect(None)
            editor.removeViewObservations()
            editor.deleteLater()
        qSlicerSegmentEditorEffectFactory._only = None
        self.host.close()
        qt.QApplication.processEvents()
