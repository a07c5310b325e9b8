"""Slicer's own runner of command line modules runs the module that measures."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from fakes.ball_set import write_ball_set
from Host.cli_module import cli_logic
from Host.slicer_scene import boot


@pytest.fixture
def host(tmp_path):
    booted = boot(tmp_path, runs_modules=True)
    yield booted
    booted.close()


@pytest.fixture
def logic(host, script):
    return cli_logic(host.scene, host.application, script.with_suffix(".xml").read_text(encoding="utf-8"), script)


@pytest.fixture
def node(logic, tmp_path):
    made = logic.CreateNodeInScene()
    made.SetParameterAsString("output", str(tmp_path / "out"))
    return made


def label_node(path, name):
    return slicer.modules.volumes.logic().AddArchetypeVolume(str(path), name, 1)


def test_two_label_maps_of_the_scene_are_compared_and_the_error_map_is_loaded(host, logic, node, files, tmp_path):
    node.SetParameterAsNode("prediction", label_node(files[0], "Mine"))
    node.SetParameterAsNode("reference", label_node(files[1], "Truth"))
    errors = host.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Errors")
    node.SetParameterAsNode("errorMap", errors)
    node.SetParameterAsString("labels", "liver=1,spleen=2")
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    assert [node.GetParameterAsString(name) for name in ("cases", "failures", "mean")] == ["2", "0", "0.8750"]
    assert set(np.unique(slicer.util.arrayFromVolume(errors))) == {0, 1, 2, 3}
    assert (tmp_path / "out" / "table.md").exists()


def test_folders_are_compared(logic, node, folders, tmp_path):
    node.SetParameterAsString("predictions", str(folders[0]))
    node.SetParameterAsString("references", str(folders[1]))
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    assert node.GetParameterAsString("failures") == "2"
    assert "stray.nrrd" in node.GetParameterAsString("warnings")


def test_a_model_is_evaluated(logic, node, tmp_path):
    node.SetParameterAsString("models", "adaptive")
    node.SetParameterAsString("datasets", str(write_ball_set(tmp_path / "balls", 1)))
    node.SetParameterAsInt("clicks", 2)
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    assert float(node.GetParameterAsString("mean")) > 0.8


def test_what_is_wrong_reaches_the_user(logic, node, files):
    node.SetParameterAsNode("prediction", label_node(files[0], "Mine"))
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed with errors"
    assert node.GetErrorText().strip() == "Two segmentations are needed. Give both --prediction and --reference."
