"""The effect on a volume that is one frame of a sequence, one scenario a function; each takes a fresh `FramesCase`."""

from __future__ import annotations

import numpy as np
import slicer
from Effects.frames_case import BROWSER, COUNT


def the_frame_that_is_shown_is_segmented_and_another_frame_keeps_the_prompts(case):
    case.prompt()
    assert case.session.canApply
    case.turn_to(1)
    assert not case.session.canApply
    assert case.session.promptCount == 1
    case.session.propagate()
    case.wait()
    case.effect.apply()
    assert case.voxels().any()


def all_frames_can_be_asked_about_only_in_a_sequence(case):
    case.prompt()
    assert case.ui.allFramesButton.enabled
    slicer.mrmlScene.RemoveNode(case.browser)
    case.prompt((45, 50, 10))
    assert case.ui.propagateButton.enabled
    assert not case.ui.allFramesButton.enabled


def frames_are_previewed_as_they_go_by_and_the_first_is_shown_again(case):
    case.box()
    case.ui.allFramesButton.click()
    seen, browser = {}, case.browser

    def look():
        if case.session.previews.isShown:
            seen[browser.GetSelectedItemNumber()] = case.ui.runStatusLabel.text
        return not case.session.isBusy

    assert case.ui.cancelRunButton.enabled
    case.wait(look)
    assert sorted(seen) == [0, 1, 2]
    assert browser.GetSelectedItemNumber() == 0
    assert case.shown() > 0.01
    assert not case.voxels().any()


def every_frame_shows_its_own_answer_when_it_is_turned_to(case):
    case.ask_about_all()
    areas = []
    for index in range(COUNT):
        case.turn_to(index)
        areas.append(case.shown())
    assert areas == sorted(areas)
    assert areas[0] < 0.8 * areas[-1]


def apply_writes_the_mask_of_every_frame_and_undo_all_frames_takes_it_back(case):
    case.ask_about_all()
    case.fill("other", np.s_[0:2, 0:5, 0:5])
    other = case.voxels("other")
    assert not case.ui.undoFramesButton.visible
    case.ui.applyPreviewButton.click()
    assert len(_sequences()) == 2
    for index in range(COUNT):
        case.turn_to(index)
        assert case.overlap_with(index) > 0.7
        np.testing.assert_array_equal(case.voxels("other"), other)
    assert "Undo all frames" in case.ui.undoFramesButton.text

    case.session.undoFrames()

    assert len(_sequences()) == 1
    assert not case.session.frames.canUndo
    for index in range(COUNT):
        case.turn_to(index)
        assert not case.voxels().any()
        np.testing.assert_array_equal(case.voxels("other"), other)


def the_undo_of_the_editor_changes_no_frame_after_all_were_written(case):
    case.ask_about_all()
    case.turn_to(COUNT - 1)
    case.effect.apply()
    case.editor.undo()
    for index in range(COUNT):
        case.turn_to(index)
        assert case.overlap_with(index) > 0.7


def a_segmentation_of_frames_gets_its_former_frames_back(case):
    case.ask_about_all()
    case.effect.apply()
    before = []
    for index in range(COUNT):
        case.turn_to(index)
        before.append(case.voxels())
    case.turn_to(0)
    case.ui.thresholdSlider.value = 0.9
    case.ui.allFramesButton.click()
    case.wait(lambda: not case.session.isBusy)
    case.effect.apply()
    assert not np.array_equal(case.voxels(), before[0])
    case.session.undoFrames()
    assert len(_sequences()) == 2
    for index in range(COUNT):
        case.turn_to(index)
        np.testing.assert_array_equal(case.voxels(), before[index])


def a_cancel_keeps_the_frames_that_are_done(case):
    case.box()
    case.ui.allFramesButton.click()
    browser = case.browser
    case.wait(lambda: browser.GetSelectedItemNumber() == 1)
    case.ui.cancelRunButton.click()
    assert not case.session.isBusy
    assert browser.GetSelectedItemNumber() == 0
    case.pause(0.5)
    assert browser.GetSelectedItemNumber() == 0
    case.effect.apply()
    assert case.overlap_with(0) > 0.7
    case.turn_to(2)
    assert not case.voxels().any()


def masking_looks_at_the_voxels_of_each_frame(case):
    case.ask_about_all()
    case.node.SetSourceVolumeIntensityMask(True)
    case.node.SetSourceVolumeIntensityMaskRange(100, 200)
    case.effect.apply()
    for index in range(COUNT):
        case.turn_to(index)
        assert case.voxels().any()
        assert slicer.util.arrayFromVolume(case.volume)[case.voxels()].min() >= 100


def a_sequence_that_is_removed_on_the_way_ends_the_run(case):
    _remove_on_the_way(case, case.browser)


def a_volume_that_is_removed_on_the_way_ends_the_run(case):
    _remove_on_the_way(case, case.volume)


def a_segmentation_that_is_removed_on_the_way_ends_the_run(case):
    _remove_on_the_way(case, case.segmentation)


def _remove_on_the_way(case, node):
    case.box()
    case.ui.allFramesButton.click()
    slicer.mrmlScene.RemoveNode(node)
    case.wait(lambda: not case.session.isBusy)


def a_scene_that_is_closed_on_the_way_ends_the_run(case):
    case.box()
    case.ui.allFramesButton.click()
    case.driver.close_scene()
    assert not case.session.isBusy


def a_saved_scene_brings_the_segment_of_every_frame_back(case):
    case.ask_about_all()
    case.effect.apply()
    case.save_and_read_scene()
    case.browser = slicer.util.getNode(BROWSER)
    for index in range(COUNT):
        case.turn_to(index)
        assert case.overlap_with(index) > 0.7


def _sequences() -> list:
    return slicer.util.getNodesByClass("vtkMRMLSequenceNode")
