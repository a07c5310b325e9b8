"""Slicer's own runner of command line modules runs the module: parse, run, progress, cancel, outputs, failure."""

from __future__ import annotations

import time

import numpy as np
import pytest
import slicer
from CLI.conftest import CENTER
from Host.cli_module import cli_logic
from Host.nodes import add_points
from Host.slicer_scene import boot
from MedSegAICore.engine.engine import Engine
from MedSegAICore.images import read_image
from MedSegAICore.models.prompt_default import default_prompt_model
from MedSegAICore.prompts import ScribblePrompt, SlicePlane
from MedSegAICore.request import PromptTask, SegmentationRequest, SliceScope


@pytest.fixture
def host(tmp_path):
    booted = boot(tmp_path, runs_modules=True)
    yield booted
    booted.close()


@pytest.fixture
def logic(host, script):
    return cli_logic(host.scene, host.application, script.with_suffix(".xml").read_text(encoding="utf-8"), script)


@pytest.fixture
def volume(host, scan):
    voxels = np.asarray(slicer.util.arrayFromVolume(_load(scan.image)))
    assert voxels.shape == scan.geometry.shape
    return slicer.util.getNode("scan")


@pytest.fixture
def labels(host):
    return host.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")


@pytest.fixture
def node(logic, volume, labels):
    """A parameter node with volumes and one point inside."""
    made = logic.CreateNodeInScene()
    made.SetParameterAsNode("image", volume)
    made.SetParameterAsNode("labels", labels)
    made.SetParameterAsNode("positive", add_points([CENTER], "Inside"))
    return made


def _load(path):
    return slicer.modules.volumes.logic().AddArchetypeVolume(str(path), "scan")


def test_a_broken_description_is_refused(host, script):
    with pytest.raises(ValueError, match="refuses"):
        cli_logic(host.scene, host.application, "<executable><title>", script)


def test_a_run_loads_the_label_map_and_reports(logic, node, labels, scan):
    node.SetParameterAsInt("labelValue", 3)
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    found = slicer.util.arrayFromVolume(labels)
    assert set(np.unique(found)) == {0, 3}
    organ = scan.organ
    assert 2 * ((found > 0) & organ).sum() / ((found > 0).sum() + organ.sum()) > 0.8
    assert int(node.GetParameterAsString("voxels")) == np.count_nonzero(found)
    assert float(node.GetParameterAsString("volumeMl")) == pytest.approx(np.count_nonzero(found) * 2 / 1000, rel=1e-4)
    assert node.GetParameterAsString("usedModel") == default_prompt_model()
    assert float(node.GetParameterAsString("seconds")) > 0


def test_a_roi_with_negative_coordinates_and_a_recipe_file_work(host, logic, node, volume, labels, scan):
    roi = host.scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "R")
    roi.SetCenter(*CENTER)
    roi.SetSize(20, 20, 20)
    node.SetParameterAsNode("region", roi)
    node.SetParameterAsString("window", "-50,150")
    node.SetParameterAsString("recipeOutput", str(scan.folder / "recipe.json"))
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    first = slicer.util.arrayFromVolume(labels).copy()
    again = logic.CreateNodeInScene()
    again.SetParameterAsNode("image", volume)
    again.SetParameterAsNode("labels", labels)
    again.SetParameterAsString("recipe", str(scan.folder / "recipe.json"))
    logic.ApplyAndWait(again, False)
    assert again.GetStatusString() == "Completed", again.GetErrorText()
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(labels), first)


def test_a_curve_is_a_scribble(host, logic, node, labels, scan):
    points = CENTER + np.array([(-4, 0, 0), (0, 0, 0), (4, 0, 0)])
    curve = host.scene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode", "C")
    for position in points:
        curve.AddControlPoint(*position)
    node.SetParameterAsNode("positive", curve)
    node.SetParameterAsString("scope", "axial")
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    found = slicer.util.arrayFromVolume(labels) > 0
    plane = SlicePlane.of_slice(scan.geometry, 0, scan.geometry.voxels_at(CENTER)[0][0])
    task = PromptTask((ScribblePrompt(points),), scope=SliceScope(plane))
    expected = Engine().segment(SegmentationRequest(read_image(scan.image), task)).mask.full()
    assert expected.any()
    assert (found & expected).sum() >= 0.999 * (found | expected).sum()


def test_range_points_of_the_scene_end_the_result(logic, node, labels, scan):
    middle = int(scan.geometry.voxels_at(CENTER)[0][0])
    ends = [scan.geometry.to_ras([20.0, 20.0, float(k)])[0] for k in (middle - 2, middle + 1)]
    node.SetParameterAsNode("rangePoints", add_points(ends, "Ends"))
    node.SetParameterAsString("direction", "axial")
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    used = np.flatnonzero(slicer.util.arrayFromVolume(labels).any(axis=(1, 2)))
    assert used.tolist() == list(range(middle - 2, middle + 2))


def test_progress_arrives_while_it_runs(host, logic, node):
    seen = set()
    logic.Apply(node, False)
    pump(host, node, lambda: seen.add(node.GetProgress()))
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    assert len(seen) > 1


def test_cancel_ends_the_run_and_leaves_the_label_map_alone(host, logic, node, labels):
    logic.Apply(node, False)

    def cancel():
        if node.GetStatus() == node.Running:
            node.Cancel()

    pump(host, node, cancel)
    assert node.GetStatusString() == "Cancelled"
    assert labels.GetImageData() is None


def test_what_is_wrong_reaches_the_user(logic, node, labels):
    node.SetParameterAsNode("positive", add_points([(999, 0, 0)], "Far"))
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed with errors"
    assert node.GetErrorText().strip() == "A point lies outside the image. Move the prompt onto the image."
    assert labels.GetImageData() is None


def pump(host, node, each):
    """Do what the application's event loop does until the run ends."""
    deadline = time.monotonic() + 60
    while node.IsBusy():
        assert time.monotonic() < deadline
        host.process_events()
        each()
        time.sleep(0.02)
