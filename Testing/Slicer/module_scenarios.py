"""What users do with the module and its functions, one scenario a function; each takes a fresh `ModuleCase`."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

import slicer
from MedSegAICore.errors import Cancelled, NodeRemoved


def the_module_says_that_it_is_ready(case):
    case.wait_until(lambda: "Ready to use" in case.ui.summaryText.text)

    assert case.models()["Adaptive (no weights)"] == "ready"


def the_console_waits_for_a_segment(case):
    segment_id, result = case.logic.segment(case.volume, [case.click], case.segmentation, "Ball")

    assert case.segments() == (segment_id,)
    assert case.overlap(result) > 0.8


def the_console_goes_on_while_a_segment_is_made(case):
    run, heard = case.start()
    assert run.isRunning
    assert case.segments() == ()

    case.wait_until(lambda: heard.ended)

    ((segment_id, result),) = heard.results
    assert case.segments() == (segment_id,)
    assert case.overlap(result) > 0.8
    assert not run.isRunning


def a_run_is_cancelled_and_nothing_is_written(case):
    run, heard = case.start()

    run.cancel()
    case.wait_until(lambda: heard.ended)

    assert [type(error) for error in heard.errors] == [Cancelled]
    assert case.segments() == ()


def a_volume_is_removed_while_it_is_segmented(case):
    _, heard = case.start()

    slicer.mrmlScene.RemoveNode(case.volume)
    case.wait_until(lambda: heard.ended)

    assert [type(error) for error in heard.errors] == [NodeRemoved]
    assert case.segments() == ()


def the_scene_is_closed_while_it_runs(case):
    _, heard = case.start()

    case.driver.close_scene()
    case.wait_until(lambda: heard.ended)

    assert [type(error) for error in heard.errors] == [NodeRemoved]
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def an_engine_that_was_killed_is_started_again(case):
    case.wait_until(lambda: "Running: process" in case.ui.engineText.text)
    first = case.ui.engineText.text
    os.kill(int(first.split("process ")[1].partition(",")[0]), signal.SIGTERM)
    case.wait_until(lambda: "Not running" in case.ui.engineText.text)

    case.ui.restartEngineButton.click()

    case.wait_until(lambda: "Running: process" in case.ui.engineText.text)
    assert case.ui.engineText.text != first
    case.logic.segment(case.volume, [case.click], case.segmentation, "Ball")
    assert len(case.segments()) == 1


def a_file_that_is_no_model_is_refused(case):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "notes.pth"
        file.write_text("not a model")
        case.widget.panel.models.importFile(str(file))
        assert not case.ui.importModelButton.enabled

        case.wait_until(lambda: case.ui.importModelButton.enabled)

    assert case.ui.jobText.text.startswith("The file was not taken.")


def many_scans_are_segmented_while_slicer_goes_on(case):
    with tempfile.TemporaryDirectory() as name:
        folder, ui = Path(name), case.ui
        for node, file in ((case.volume, "ball.nrrd"), (case.click, "click.mrk.json")):
            node.AddDefaultStorageNode(str(folder / file))
            assert node.GetStorageNode().WriteData(node)
        (folder / "cases.csv").write_text("image,positive\nball.nrrd,click.mrk.json\n")
        (folder / "recipe.json").write_text('{"version": 1, "paradigm": "prompt", "model": "adaptive"}')
        ui.cohortTableEdit.currentPath = str(folder / "cases.csv")
        ui.cohortRecipeEdit.currentPath = str(folder / "recipe.json")
        ui.cohortOutputEdit.currentPath = str(folder / "results")

        ui.cohortStartButton.click()
        assert case.widget.panel.cohort.isBusy
        case.wait_until(lambda: not case.widget.panel.cohort.isBusy)

        assert ui.cohortText.text.startswith("1 done, 0 done before, 0 failed")
        assert (folder / "results" / "ball.seg.nrrd").is_file()
        assert ui.cohortPageButton.enabled


def no_network_library_is_loaded_into_slicer(case):
    before = set(sys.modules)  # another extension may have done it

    case.logic.segment(case.volume, [case.click], case.segmentation, "Ball")
    case.wait_until(lambda: "Ready to use" in case.ui.summaryText.text)

    assert not {"torch", "monai", "segment_anything"} & (set(sys.modules) - before)
