"""Slicer's own runner of command line modules runs the module that learns from examples."""

from __future__ import annotations

import time

import numpy as np
import pytest
import slicer
from CLI.fewshot.conftest import VALUES, dice_of
from fakes.people import person
from fakes.people_files import write_label_map
from Host.cli_module import cli_logic
from Host.slicer_scene import boot
from MedSegAICore.label_files import read_labels


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
def node(logic, people, labels):
    """A parameter node with a query and a place for the label map."""
    made = logic.CreateNodeInScene()
    made.SetParameterAsNode("query", volume_node(people.query, "Query"))
    made.SetParameterAsNode("labelMap", labels)
    return made


def volume_node(path, name, is_label=False):
    return slicer.modules.volumes.logic().AddArchetypeVolume(str(path), name, int(is_label))


def test_volumes_and_label_maps_of_the_scene_teach_and_the_label_map_is_loaded(logic, node, labels, people, tmp_path):
    second = write_label_map(tmp_path / "b_labels.nrrd", person(1))
    for slot, (image, drawn) in ((1, people.first), (3, (people.second[0], second))):
        node.SetParameterAsNode(f"support{slot}", volume_node(image, f"Example {slot}"))
        node.SetParameterAsNode(f"supportLabels{slot}", volume_node(drawn, f"Labels {slot}", True))
    node.SetParameterAsString("labels", "liver=1,kidney=5")
    node.SetParameterAsString("saveModel", str(tmp_path / "organs.safetensors"))
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    found = slicer.util.arrayFromVolume(labels)
    assert set(np.unique(found)) == {0, *VALUES.values()}
    for label, value in VALUES.items():
        truth = person(3).masks[label].full()
        assert 2 * ((found == value) & truth).sum() / ((found == value).sum() + truth.sum()) > 0.85
    assert node.GetParameterAsString("structures") == "liver, kidney"
    assert node.GetParameterAsString("expectedDice").startswith(("liver 0.", "liver 1.00"))
    assert (
        node.GetParameterAsString("leaveOneOut").count("0.") + node.GetParameterAsString("leaveOneOut").count("1.") >= 4
    )
    assert (tmp_path / "organs.safetensors").is_file()


def test_a_support_model_is_used_again_and_a_segmentation_is_written(logic, node, learned, tmp_path):
    node.SetParameterAsString("modelFile", str(learned))
    node.SetParameterAsString("segmentation", str(tmp_path / "q.seg.nrrd"))
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    assert list(read_labels(tmp_path / "q.seg.nrrd").places) == ["liver", "kidney"]
    assert node.GetParameterAsString("warnings") == ""  # the support model knows the values


def test_a_folder_of_volumes_is_segmented(logic, learned, people, tmp_path):
    queries = tmp_path / "queries"
    queries.mkdir()
    (queries / "q.nii.gz").write_bytes(people.query.read_bytes())
    node = logic.CreateNodeInScene()
    for name, value in (("modelFile", learned), ("queries", queries), ("outputFolder", tmp_path / "out")):
        node.SetParameterAsString(name, str(value))
    node.SetParameterAsString("labels", "liver=1,kidney=5")
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    assert min(dice_of(tmp_path / "out" / "q_labels.nii.gz").values()) > 0.8


def test_cancel_ends_the_run_and_leaves_the_label_map_alone(host, logic, node, labels, people):
    node.SetParameterAsNode("support1", volume_node(people.first[0], "Example"))
    node.SetParameterAsNode("supportLabels1", volume_node(people.first[1], "Labels", True))
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


def test_what_is_wrong_reaches_the_user(logic, node, people):
    node.SetParameterAsNode("support1", volume_node(people.first[0], "Example"))
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed with errors"
    assert node.GetErrorText().strip() == "Example 1 has only one of image and labels. Choose both, or neither."
