"""Scenarios of the AI Prompt effect: what comes in between; each takes a fresh `PromptCase`."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import slicer
from Effects.prompt_case import CENTER, GREEN, GRID
from Host.nodes import add_bending_transform, add_volume, put_under


def another_segment_gets_nothing_and_what_was_found_waits(case):
    case.prompt()
    seen = case.shown()
    case.editor.setCurrentSegmentID("other")
    assert case.shown() == 0
    assert case.session.promptCount == 0
    assert not case.session.canApply

    case.editor.setCurrentSegmentID("organ")
    assert case.session.promptCount == 1
    assert abs(case.shown() - seen) < 0.5 * seen
    case.effect.apply()
    assert case.voxels().any()
    assert not case.voxels("other").any()


def an_answer_finds_its_segment_after_the_user_went_on(case):
    case.click(CENTER)
    case.editor.setCurrentSegmentID("other")
    case.wait()
    assert not case.session.canApply
    assert case.shown() == 0
    case.editor.setCurrentSegmentID("organ")
    assert case.session.canApply


def another_volume_has_prompts_and_answers_of_its_own(case):
    case.click(CENTER)
    second = add_volume(np.zeros((20, 96, 96), np.int16), GRID, "MR")
    case.editor.setSourceVolumeNode(second)
    case.wait()
    assert not case.session.canApply
    case.editor.setSourceVolumeNode(case.volume)
    assert case.session.canApply


def changed_voxels_drop_answers_and_keep_prompts(case):
    case.prompt()
    slicer.util.arrayFromVolume(case.volume)[10] += 5
    slicer.util.arrayFromVolumeModified(case.volume)
    case.pause(0.1)
    assert not case.session.canApply
    assert case.shown() == 0
    assert case.session.promptCount == 1
    assert "changed" in case.ui.runStatusLabel.text
    case.prompt((45, 50, 10))
    assert case.session.canApply


def a_segment_that_is_deleted_during_a_run_ends_it_quietly(case):
    case.click(CENTER)
    case.segmentation.GetSegmentation().RemoveSegment("organ")
    case.wait()
    case.effect.apply()
    assert not case.voxels("other").any()


def a_scene_that_is_closed_during_a_run_leaves_nothing_behind(case):
    case.click(CENTER)
    case.driver.close_scene()
    case.pause(0.5)
    assert not case.session.runs.isRunning
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsNode") == []
    assert not case.session.previews.isShown


def cancel_stops_and_keeps_prompts(case):
    case.prompt()
    case.ui.propagateButton.click()
    assert case.ui.cancelRunButton.enabled
    case.ui.cancelRunButton.click()
    assert not case.session.runs.isRunning
    case.pause(0.5)
    assert list(case.session._work.answers) != ["volume"]
    assert case.session.promptCount == 1
    assert "Cancelled" in case.ui.runStatusLabel.text


def leaving_the_effect_clears_the_views_and_coming_back_shows_the_preview_again(case):
    case.prompt()
    case.editor.setActiveEffectByName("")
    assert case.driver.picture().shape
    assert not case.session.previews.isShown
    case.editor.setActiveEffectByName("AI Prompt")
    assert case.shown(color=GREEN) > 0.02


def a_click_that_is_refused_is_explained(case):
    case.prompt(CENTER, "control")
    assert "inside" in case.ui.runStatusLabel.text
    assert not case.session.canApply


def a_bending_transform_is_refused_in_words(case):

    put_under(case.volume, add_bending_transform())
    case.prompt()
    assert "Harden" in case.ui.runStatusLabel.text


def the_application_never_opens_a_network_library(case):
    libraries = {"torch", "monai", "segment_anything"}
    # other tests of the same process may have opened them
    opened = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in libraries}
    try:
        case.prompt()
        case.ui.propagateButton.click()
        case.wait()
        case.effect.apply()
        assert not libraries & {name.split(".")[0] for name in sys.modules}
    finally:
        sys.modules.update(opened)


def a_segmentation_that_is_deleted_during_a_run_ends_it_quietly(case):
    _delete_during_a_run(case, case.segmentation)


def a_volume_that_is_deleted_during_a_run_ends_it_quietly(case):
    _delete_during_a_run(case, case.volume)


def _delete_during_a_run(case, node):
    case.click(CENTER)
    slicer.mrmlScene.RemoveNode(node)
    case.wait()
    case.pause(0.2)
    assert not case.session.canApply
    assert case.driver.picture().shape
    case.effect.apply()
    visible = [node for node in slicer.util.getNodesByClass("vtkMRMLMarkupsNode") if node.GetDisplayVisibility()]
    assert visible == []


def a_killed_engine_is_told_and_the_next_click_works(case):
    heard = []
    case.session.engine.start(heard.append)
    case.wait(lambda: heard)
    case.prompt()
    os.kill(heard[0]["pid"], signal.SIGKILL)
    case.click((45, 50, 10))
    case.wait()
    assert "engine process" in case.ui.runStatusLabel.text
    assert case.session.promptCount == 2

    case.prompt((40, 45, 10))
    assert case.session.canApply
    case.effect.apply()
    assert case.voxels().any()
