"""Scenarios of the AI Diffusion effect: what comes in between; each takes a fresh `DiffusionCase`."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import slicer


def a_run_is_cancelled_and_the_segment_is_as_it_was(case):
    before = case.voxels()
    case.start()
    case.wait(lambda: case.session.previews.isShown)

    case.ui.cancelDiffusionButton.click()

    assert not case.session.isBusy
    case.pause(0.5)
    assert not case.session.previews.isShown
    assert "Cancelled" in case.said
    np.testing.assert_array_equal(case.voxels(), before)
    assert case.ui.drawMasksButton.enabled


def what_was_drawn_before_is_there_after_a_cancel(case):
    case.draw()
    first = case.found()
    case.start()
    case.ui.cancelDiffusionButton.click()
    assert case.session.previews.isShown
    case.effect.apply()
    np.testing.assert_array_equal(case.voxels(), first)


def turning_to_another_segment_drops_the_run_and_its_result(case):
    before = case.voxels()
    case.start(steps=20)
    case.editor.setCurrentSegmentID("other")
    assert not case.session.isBusy
    case.pause(1.0)
    assert not case.session.previews.isShown
    assert not case.session.canApply
    case.editor.setCurrentSegmentID("organ")
    assert not case.session.canApply
    np.testing.assert_array_equal(case.voxels(), before)
    assert not case.voxels("other").any()


def what_was_drawn_waits_for_its_segment(case):
    case.draw()
    case.editor.setCurrentSegmentID("other")
    assert not case.session.canApply
    assert not case.session.previews.isShown
    case.editor.setCurrentSegmentID("organ")
    assert case.session.canApply
    case.effect.apply()
    np.testing.assert_array_equal(case.voxels(), case.found())


def leaving_the_effect_ends_a_run_and_clears_the_views(case):
    case.start()
    case.editor.setActiveEffectByName("")
    case.pause(0.5)
    assert not case.session.isBusy
    assert not case.session.previews.isShown
    case.editor.setActiveEffectByName("AI Diffusion")
    case.ui.stepsSlider.value = 4
    case.draw()
    assert case.session.canApply


def changed_voxels_drop_what_was_drawn(case):
    case.draw()
    case.ui.uncertaintyButton.click()
    slicer.util.arrayFromVolume(case.volume)[10] += 5
    slicer.util.arrayFromVolumeModified(case.volume)
    case.pause(0.1)
    assert not case.session.canApply
    assert case.foregrounds() == {None}
    assert "changed" in case.said


def a_scene_that_is_closed_during_a_run_leaves_nothing_behind(case):
    case.box()
    case.start()
    case.driver.close_scene()
    case.pause(0.5)
    assert not case.session.isBusy
    assert not case.session.previews.isShown
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsNode") == []


def a_segment_that_is_deleted_during_a_run_ends_it_quietly(case):
    case.start(steps=20)
    case.segmentation.GetSegmentation().RemoveSegment("organ")
    case.wait()
    case.pause(0.5)
    assert not case.session.canApply
    case.effect.apply()
    assert not case.voxels("other").any()


def a_volume_that_is_deleted_during_a_run_ends_it_quietly(case):
    _delete_during_a_run(case, case.volume)


def a_segmentation_that_is_deleted_during_a_run_ends_it_quietly(case):
    _delete_during_a_run(case, case.segmentation)


def _delete_during_a_run(case, node):
    case.start(steps=20)
    slicer.mrmlScene.RemoveNode(node)
    case.wait()
    case.pause(0.5)
    assert not case.session.canApply
    assert not case.session.previews.isShown
    case.effect.apply()


def a_killed_engine_is_told_and_the_next_run_works(case):
    heard = []
    case.session.engine.start(heard.append)
    case.wait(lambda: heard)
    case.start()
    os.kill(heard[0]["pid"], signal.SIGKILL)
    case.wait()
    assert "engine process" in case.said
    case.ui.stepsSlider.value = 4
    case.draw()
    assert case.session.canApply


def the_application_never_opens_a_network_library(case):
    libraries = {"torch", "monai"}
    # other tests of the same process may have opened them
    opened = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in libraries}
    try:
        case.draw()
        case.ui.uncertaintyButton.click()
        case.ui.nextDoubtfulButton.click()
        case.effect.apply()
        assert not libraries & {name.split(".")[0] for name in sys.modules}
    finally:
        sys.modules.update(opened)
