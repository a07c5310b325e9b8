"""Slicer's own runner of command line modules runs the module for plausible masks."""

from __future__ import annotations

import time

import numpy as np
import pytest
import slicer
from CLI.conftest import CENTER
from Host.cli_module import cli_logic
from Host.slicer_scene import boot
from MedSegAICore.request import DiffusionTask


@pytest.fixture
def host(tmp_path):
    booted = boot(tmp_path, runs_modules=True)
    yield booted
    booted.close()


@pytest.fixture
def logic(host, script, program):
    return cli_logic(host.scene, host.application, script.with_suffix(".xml").read_text(encoding="utf-8"), program)


@pytest.fixture
def node(host, logic, scan, weights):
    """A parameter node with a volume, a ROI around the organ and a small network."""
    volume = slicer.modules.volumes.logic().AddArchetypeVolume(str(scan.image), "scan")
    roi = host.scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "R")
    roi.SetCenter(*CENTER)
    roi.SetSize(20, 20, 12)
    made = logic.CreateNodeInScene()
    made.SetParameterAsNode("image", volume)
    made.SetParameterAsNode("region", roi)
    made.SetParameterAsString("weights", str(weights))
    made.SetParameterAsInt("samples", 3)
    made.SetParameterAsInt("steps", 2)
    return made


def output(host, node, parameter, kind):
    made = host.scene.AddNewNodeByClass(f"vtkMRML{kind}VolumeNode", parameter)
    node.SetParameterAsNode(parameter, made)
    return made


def test_consensus_doubt_and_probability_are_loaded_and_reported(host, logic, node):
    labels = output(host, node, "labelMap", "LabelMap")
    doubt, probability = (output(host, node, name, "Scalar") for name in ("uncertainty", "probability"))
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    found = slicer.util.arrayFromVolume(labels)
    assert set(np.unique(found)) == {0, 1}
    assert 0 < slicer.util.arrayFromVolume(doubt).max() <= 1
    assert slicer.util.arrayFromVolume(probability)[found == 1].min() > 0.49
    assert int(node.GetParameterAsString("voxels")) == np.count_nonzero(found)
    low, high = (float(node.GetParameterAsString(name)) for name in ("volumeLowMl", "volumeHighMl"))
    assert 0 < low <= high
    assert node.GetParameterAsString("usedModel") == DiffusionTask.model
    assert float(node.GetParameterAsString("predictedSeconds")) > 0


def test_cancel_ends_the_run_and_leaves_the_label_map_alone(host, logic, node):
    labels = output(host, node, "labelMap", "LabelMap")
    node.SetParameterAsInt("steps", 500)
    logic.Apply(node, False)
    deadline = time.monotonic() + 90
    while node.IsBusy():
        assert time.monotonic() < deadline
        host.process_events()
        if node.GetProgress() > 0:
            node.Cancel()
        time.sleep(0.02)
    assert node.GetStatusString() == "Cancelled"
    assert labels.GetImageData() is None


def test_what_is_wrong_reaches_the_user(logic, node):
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed with errors"
    assert node.GetErrorText().startswith("It is not clear where the result goes.")
