"""Scenarios of the AI In-context effect: what comes in between; each takes a fresh `InContextCase`."""

from __future__ import annotations

import shutil
import sys

import slicer
from Effects.incontext_case import TASK


def a_run_is_cancelled_and_nothing_is_shown(case):
    case.have_examples(0, 1)
    case.ui.segmentVolumeButton.click()
    case.driver.wait_until(lambda: case.session.runs.isRunning)
    assert case.ui.cancelContextButton.enabled
    case.ui.cancelContextButton.click()
    assert not case.session.isBusy
    case.driver.wait(0.3)
    assert not case.session.previews.isShown
    assert "Cancelled" in case.said
    assert case.ui.segmentVolumeButton.enabled


def what_is_found_while_the_effect_is_left_is_there_when_the_user_comes_back(case):
    case.have_examples(0)
    case.ui.segmentVolumeButton.click()
    case.editor.setActiveEffectByName("")
    case.wait()
    assert not case.session.previews.isShown
    case.editor.setActiveEffectByName("AI In-context")
    assert case.session.previews.isShown
    case.effect.apply()
    assert case.overlap("liver") > 0.6


def changed_voxels_drop_what_was_found(case):
    case.have_examples(0)
    case.segment_volume()
    slicer.util.arrayFromVolume(case.volume)[10] += 5
    slicer.util.arrayFromVolumeModified(case.volume)
    case.driver.wait(0.1)
    assert not case.session.canApply
    assert "changed" in case.said


def a_scene_that_is_closed_meanwhile_leaves_nothing_behind(case):
    case.have_examples(0)
    case.ui.segmentVolumeButton.click()
    case.driver.close_scene()
    case.driver.wait(0.3)
    assert not case.session.isBusy
    assert not case.session.previews.isShown
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def a_task_that_somebody_removes_is_named(case):
    case.have_examples(0)
    shutil.rmtree(case.folder / TASK)
    case.ui.segmentVolumeButton.click()
    assert f"There is no task '{TASK}'" in case.said
    case.session.look()
    case.effect.updateGUIFromMRML()
    assert not case.ui.segmentVolumeButton.enabled


def a_damaged_task_is_listed_as_damaged_and_the_others_work(case):
    (case.folder / "broken").mkdir()
    (case.folder / "broken" / "task.json").write_text("{")
    case.have_examples(0)
    rows = [case.ui.tasksTree.topLevelItem(row) for row in range(case.ui.tasksTree.topLevelItemCount)]
    assert [(row.text(0), row.text(1)) for row in rows] == [("broken", "(damaged)"), (TASK, "liver, kidney")]
    assert case.ui.segmentVolumeButton.enabled


def an_example_that_is_damaged_is_named_when_it_is_needed(case):
    case.have_examples(0)
    (image,) = case.folder.rglob("image.nrrd")
    image.write_bytes(b"nothing")
    case.segment_volume()
    assert "cannot be used" in case.said
    assert not case.session.canApply


def the_application_never_opens_a_network_library(case):
    libraries = {"torch", "monai", "segment_anything"}
    # other tests of the same process may have opened them
    opened = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in libraries}
    try:
        case.have_examples(0)
        case.segment_volume()
        case.ui.acceptSliceButton.click()
        case.ui.lookNextButton.click()
        assert not libraries & {name.split(".")[0] for name in sys.modules}
    finally:
        sys.modules.update(opened)
