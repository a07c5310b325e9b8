"""Slicer's own runner of command line modules runs the module for tasks that grow."""

from __future__ import annotations

import time

import numpy as np
import pytest
import slicer
from CLI.incontext.conftest import SHAPE, VALUES
from fakes.people import person
from Host.cli_module import cli_logic
from Host.slicer_scene import boot
from MedSegAICore.incontext.task_library import TaskLibrary


@pytest.fixture
def host(tmp_path):
    booted = boot(tmp_path, runs_modules=True)
    yield booted
    booted.close()


@pytest.fixture
def logic(host, script):
    return cli_logic(host.scene, host.application, script.with_suffix(".xml").read_text(encoding="utf-8"), script)


@pytest.fixture
def labels(host):
    return host.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Organs")


@pytest.fixture
def node(logic, people, labels, tmp_path):
    """A parameter node with a task, a labelled volume to add to it, a query and a place for the label map."""
    made = logic.CreateNodeInScene()
    made.SetParameterAsString("library", str(tmp_path / "tasks"))
    made.SetParameterAsString("task", "organs")
    made.SetParameterAsString("labels", "liver=1,kidney=5")
    made.SetParameterAsNode("exampleImage", volume_node(people.first[0], "Example"))
    made.SetParameterAsNode("exampleLabels", volume_node(people.first[1], "Labels", True))
    made.SetParameterAsNode("query", volume_node(people.query, "Query"))
    made.SetParameterAsNode("labelMap", labels)
    return made


def volume_node(path, name, is_label=False):
    return slicer.modules.volumes.logic().AddArchetypeVolume(str(path), name, int(is_label))


def test_a_volume_of_the_scene_is_added_and_the_label_map_is_loaded(host, logic, node, labels, tmp_path):
    doubt = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Doubt")
    node.SetParameterAsNode("uncertainty", doubt)
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    found = slicer.util.arrayFromVolume(labels)
    for label, value in VALUES.items():
        truth = person(3, SHAPE).masks[label].full()
        assert 2 * ((found == value) & truth).sum() / ((found == value).sum() + truth.sum()) > 0.6
    assert 0 < np.max(slicer.util.arrayFromVolume(doubt)) <= 1
    assert node.GetParameterAsString("structures") == "liver, kidney"
    assert node.GetParameterAsString("usedModel") == "registered_context"
    assert len(TaskLibrary(tmp_path / "tasks").task("organs").identifiers()) == 1


def test_cancel_ends_the_run_and_leaves_the_label_map_alone(host, logic, node, labels):
    logic.Apply(node, False)
    deadline = time.monotonic() + 60
    while node.IsBusy():
        assert time.monotonic() < deadline
        host.process_events()
        if node.GetProgress() > 0:
            node.Cancel()
        time.sleep(0.02)
    assert node.GetStatusString() == "Cancelled"
    assert labels.GetImageData() is None


def test_what_is_wrong_reaches_the_user(logic, node):
    node.SetParameterAsNode("exampleLabels", None)
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed with errors"
    assert node.GetErrorText().strip() == "The example has only one of image and labels. Choose both, or neither."
