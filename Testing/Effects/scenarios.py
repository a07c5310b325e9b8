"""What users do with the AI Prompt effect, one scenario a function; every one takes a fresh `PromptCase`."""

from __future__ import annotations

import numpy as np
import slicer
from Host.picture import share_of_color
from MedSegAICore.engine.engine import Engine
from MedSegAILib.mrml.prompt_store import NEGATIVE_COLOR
from MedSegAILib.mrml.volumes import imageVolume
from scipy import ndimage

CENTER = (40, 50, 10)
SLICE = np.s_[10]


def a_click_is_previewed_applied_undone_and_done_again(case):
    assert case.shown() == 0
    case.prompt()
    assert case.shown() > 0.03
    assert not case.voxels().any()

    case.ui.applyPreviewButton.click()

    written = case.voxels()
    assert case.overlap(where=SLICE) > 0.5
    assert written.sum() == written[SLICE].sum()
    assert not case.session.canApply
    case.editor.undo()
    assert not case.voxels().any()
    assert case.shown() == 0
    case.editor.redo()
    np.testing.assert_array_equal(case.voxels(), written)


def the_model_is_ready_before_the_first_click(case):
    heard = []
    case.session.engine.askMemory(lambda _bytes, models: heard.extend(models))
    case.wait(lambda: heard)
    assert case.session.settings.model in heard


def more_prompts_correct_the_preview(case):
    case.prompt()
    found = case.shown()
    case.prompt((33, 43, 10), "control")
    smaller = case.shown()
    assert smaller < found
    case.prompt((29, 43, 10))
    assert case.shown() > smaller
    assert case.session.promptCount == 3


def the_outside_button_does_what_control_does(case):
    case.prompt()
    case.driver.mouse().key("n")
    assert case.ui.outsideButton.checked
    case.prompt((80, 80, 10))
    case.prompt((70, 20, 10), "control")
    first, outside, inside = case.prompts()
    assert (first.positive, outside.positive, inside.positive) == (True, False, True)


def a_box_is_dragged(case):
    case.box()
    case.effect.apply()
    assert case.overlap(where=SLICE) > 0.9


def a_lasso_is_drawn(case):
    case.ui.lassoToolButton.click()
    angles = np.linspace(0, 2 * np.pi, 25)
    case.drag([(40 + 23 * np.cos(a), 50 + 23 * np.sin(a), 10) for a in angles])
    case.wait()
    case.effect.apply()
    assert case.overlap(where=SLICE) > 0.8


def what_was_drawn_stays_in_view(case):
    case.ui.outsideButton.click()
    case.ui.lassoToolButton.click()
    case.drag([(70, 20, 10), (85, 20, 10), (85, 35, 10), (70, 35, 10)])
    assert share_of_color(case.driver.picture(), NEGATIVE_COLOR) > 0.001
    case.look_at((40, 50, 13))
    assert share_of_color(case.driver.picture(), NEGATIVE_COLOR) == 0


def a_scribble_is_drawn(case):
    case.ui.scribbleToolButton.click()
    case.drag([(28, 50, 10), (40, 42, 10), (52, 50, 10)])
    case.wait()
    case.effect.apply()
    assert case.overlap(where=SLICE) > 0.5


def a_twitch_of_the_mouse_is_no_box(case):
    case.ui.boxToolButton.click()
    case.click(CENTER)
    assert case.session.promptCount == 0
    assert not case.session.runs.isRunning


def a_region_with_depth_fills_the_volume(case):
    case.ui.regionButton.click()
    case.wait()
    (roi,) = slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")
    roi.SetCenterWorld(*case.at(CENTER))
    roi.SetSize(44, 44, 44)
    case.ui.propagateButton.click()
    case.wait()
    case.effect.apply()
    assert case.overlap() > 0.7


def propagate_fills_the_volume_from_the_slices(case):
    case.box()
    case.ui.propagateButton.click()
    case.wait()
    assert case.shown("Green") > 0.01
    case.ui.applyPreviewButton.click()
    assert case.overlap() > 0.8
    case.editor.undo()
    assert not case.voxels().any()


def prompts_on_two_slices_are_applied_together(case):
    case.prompt()
    case.look_at((40, 50, 13))
    case.prompt((40, 50, 13))
    case.effect.apply()
    used = case.voxels().any(axis=(1, 2))
    assert list(np.flatnonzero(used)) == [10, 13]
    again = np.zeros_like(case.voxels())
    for recipe in case.recipes():
        again |= Engine().segment(recipe.request(imageVolume(case.volume))).mask.full()
    np.testing.assert_array_equal(again, case.voxels())
    case.editor.undo()
    assert not case.voxels().any()


def prompts_are_taken_back_one_by_one(case):
    case.prompt()
    one = case.shown()
    case.prompt((55, 50, 10))
    case.driver.mouse().key("x")
    case.wait()
    assert case.session.promptCount == 1
    assert abs(case.shown() - one) < 0.002
    case.ui.undoPromptButton.click()
    assert case.session.promptCount == 0
    assert case.shown() == 0
    assert not case.session.canApply


def delete_removes_the_prompt_under_the_mouse(case):
    case.prompt()
    one = case.shown()
    case.ui.lassoToolButton.click()
    case.drag([(60, 40, 10), (75, 40, 10), (75, 60, 10), (60, 60, 10)])
    case.wait()
    case.ui.pointToolButton.click()
    case.prompt((20, 80, 10), "control")
    assert case.session.promptCount == 3
    _delete_at(case, (68, 50, 10))
    assert case.session.promptCount == 3  # inside of the outline is not on it
    _delete_at(case, (75, 50, 10))
    assert [type(prompt).__name__ for prompt in case.prompts()] == ["PointPrompt", "PointPrompt"]
    _delete_at(case, (20, 80, 10))
    case.wait()
    assert case.session.promptCount == 1
    assert abs(case.shown() - one) < 0.002
    _delete_at(case, CENTER)
    assert case.session.promptCount == 0
    assert not case.session.canApply


def a_point_that_is_deleted_elsewhere_is_forgotten(case):
    case.prompt()
    case.prompt((55, 50, 10))
    (points,) = case.session.store.nodes()
    points.RemoveNthControlPoint(0)
    case.pause(0.1)
    case.wait()
    assert case.session.promptCount == 1
    case.effect.apply()
    (recipe,) = case.recipes()
    assert len(recipe.task.prompts) == 1


def the_last_point_that_is_deleted_elsewhere_takes_the_preview_along(case):
    case.prompt()
    (points,) = case.session.store.nodes()
    points.RemoveAllControlPoints()
    case.pause(0.1)
    assert not case.session.canApply
    assert case.shown() == 0


def a_drawn_prompt_that_is_deleted_elsewhere_is_forgotten(case):
    case.box()
    assert case.session.canApply
    (box,) = case.session.store.nodes()
    slicer.mrmlScene.RemoveNode(box)
    case.pause(0.1)
    case.wait()
    assert case.session.promptCount == 0
    assert not case.session.canApply
    assert not case.session.previews.isShown


def _delete_at(case, voxel):
    case.driver.mouse().move(case.at(voxel))
    case.driver.mouse().key("Delete")


def keys_do_something_only_while_the_effect_is_active(case):
    case.prompt()
    case.editor.setActiveEffectByName("")
    for key in ("x", "n", "a", "Return"):
        case.driver.mouse().key(key)
    case.editor.setActiveEffectByName("AI Prompt")
    case.wait()
    assert case.session.promptCount == 1
    assert case.ui.insideButton.checked
    assert not case.voxels().any()


def clear_removes_every_prompt_and_the_preview(case):
    case.prompt()
    case.prompt((55, 50, 10), "control")
    case.ui.clearPromptsButton.click()
    assert case.session.promptCount == 0
    assert case.shown() == 0
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsNode") == []


def the_threshold_changes_the_preview_without_asking_again(case):
    case.prompt()
    middle = case.shown()
    case.ui.thresholdSlider.value = 0.05
    assert not case.session.runs.isRunning
    low = case.shown()
    case.ui.thresholdSlider.value = 0.95
    high = case.shown()
    assert low > middle > high
    assert not case.session.runs.isRunning
    case.ui.thresholdSlider.value = 0.05
    case.effect.apply()
    many = case.voxels().sum()
    case.editor.undo()
    case.prompt((41, 50, 10))
    case.ui.thresholdSlider.value = 0.9
    case.effect.apply()
    assert case.voxels().sum() < many


def the_preview_pulses(case):
    case.prompt()
    seen = set()
    for _ in range(12):
        seen.add(int(case.driver.picture()[200, 170].sum()))
        case.pause(0.1)
    assert len(seen) > 3


def a_dragged_point_asks_again(case):
    case.prompt()
    before = case.shown()
    case.driver.mouse().drag([case.at(CENTER), case.at((85, 90, 10))])
    case.pause(0.1)
    case.wait()
    (prompt,) = case.prompts()
    assert np.linalg.norm(prompt.position_ras - case.at((85, 90, 10))) < 2
    assert case.shown() != before


def the_current_segment_is_a_first_guess(case):
    case.fill("organ", np.s_[10:11, 33:67, 23:57])
    case.ui.fromSegmentCheckBox.click()
    case.prompt()
    assert case.shown() > 0.05
    case.effect.apply()
    assert case.overlap(where=SLICE) > 0.8


def other_visible_segments_are_outside(case):
    case.fill("other", np.s_[9:12, 30:70, 40:70])
    case.ui.boxToolButton.click()
    case.ui.fromOthersCheckBox.click()
    case.drag([(17, 27, 10), (63, 73, 10)])
    case.wait()
    case.effect.apply()
    organ, other = case.voxels(), case.voxels("other")
    assert organ.any()
    assert np.count_nonzero(organ & other) < 0.05 * np.count_nonzero(organ)


def islands_holes_and_smoothing_act_on_what_is_applied(case):
    case.box()
    case.ui.smoothingSlider.value = 3.0
    case.ui.islandsCheckBox.click()
    case.ui.holesCheckBox.click()
    case.wait()
    assert case.shown() > 0.03
    case.effect.apply()
    assert ndimage.label(case.voxels())[1] == 1
    assert case.overlap(where=SLICE) > 0.85


def the_window_that_the_model_saw_is_shown_and_recorded(case):
    display = case.volume.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(120, 50)
    case.ui.windowSelector.currentIndex = 1
    case.prompt()
    assert case.ui.windowLabel.text == "-10 … 110"
    case.effect.apply()
    (recipe,) = case.recipes()
    task = recipe.task
    assert (task.window.lower, task.window.upper) == (-10, 110)


def a_click_after_propagate_corrects_that_slice_only(case):
    case.box()
    case.ui.propagateButton.click()
    case.wait()
    case.effect.apply()
    before = case.voxels()
    case.ui.propagateButton.click()
    case.wait()
    case.ui.pointToolButton.click()
    case.prompt((40, 50, 10), "control")
    case.effect.apply()
    after = case.voxels()
    changed = before != after
    assert changed[SLICE].any()
    assert not np.delete(changed, 10, axis=0).any()


def options_act_on_what_was_propagated(case):
    case.box()
    case.ui.propagateButton.click()
    case.wait()
    case.ui.islandsCheckBox.click()
    case.ui.smoothingSlider.value = 4.0
    case.pause(0.3)
    assert case.shown() > 0.03
    case.effect.apply()
    assert ndimage.label(case.voxels())[1] == 1
    (recipe,) = case.recipes()
    assert recipe.task.clean_up.smoothing_mm == 4.0
