"""The application object and Slicer's own helpers work as scripts expect."""

from __future__ import annotations

import numpy as np
import pytest
import qt
import slicer
from Host.nodes import add_segmentation, add_volume
from Host.scripted_modules import load_module

MODULE = """
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleWidget
import qt

class Small(ScriptedLoadableModule):
    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "Small module"

class SmallWidget(ScriptedLoadableModuleWidget):
    def setup(self):
        super().setup()
        self.label = qt.QLabel("here")
        self.layout.addWidget(self.label)
"""
LIVER = "Segmentation category and type~SCT^85756007^Tissue~SCT^10200004^Liver~^^~Anatomic codes~^^~^^"


def test_helpers_of_slicer_find_the_application(desktop) -> None:
    assert slicer.util.mainWindow().objectName == "qSlicerMainWindow"
    slicer.util.showStatusMessage("working")
    assert slicer.util.mainWindow().statusBar().currentMessage() == "working"
    assert slicer.util.tempDirectory().startswith(slicer.app.temporaryPath)
    assert slicer.util.settingsValue("MedSegAI/Nothing", 3, converter=int) == 3
    assert qt.QApplication.instance() is slicer.app


def test_settings_do_not_outlive_the_test(desktop, tmp_path) -> None:
    qt.QSettings().setValue("MedSegAI/Device", "cpu")

    assert qt.QSettings().value("MedSegAI/Device") == "cpu"
    assert str(tmp_path) in qt.QSettings().fileName()


def test_a_module_describes_itself_and_opens_its_panel(desktop, tmp_path, monkeypatch) -> None:
    (tmp_path / "Small.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))

    module = load_module(tmp_path / "Small.py")

    assert module.title == "Small module"
    assert slicer.modules.small.widgetRepresentation().self().label.text == "here"
    with pytest.raises(AttributeError):
        module.titel = "x"


def test_a_scene_is_saved_and_read_again(desktop, tmp_path) -> None:
    volume = add_volume(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    segmentation = add_segmentation(volume)
    segmentation.GetSegmentation().AddEmptySegment("organ", "organ")
    segmentation.GetSegmentation().GetSegment("organ").SetTerminology(LIVER)
    desktop.place("vtkMRMLMarkupsFiducialNode", [])

    assert desktop.scene.WriteToMRB(str(tmp_path / "scene.mrb"))
    desktop.close_scene()
    assert desktop.scene.ReadFromMRB(str(tmp_path / "scene.mrb"))

    assert slicer.util.arrayFromVolume(slicer.util.getNode("CT")).sum() == np.arange(60).sum()
    segment = slicer.util.getNode("Segmentation").GetSegmentation().GetSegment("organ")
    entry = slicer.vtkSlicerTerminologyEntry()
    assert slicer.modules.terminologies.logic().DeserializeTerminologyEntry(segment.GetTerminology(), entry)
    assert entry.GetTypeObject().GetCodeMeaning() == "Liver"
