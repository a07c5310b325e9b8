"""The effect on a volume that is one frame of a sequence: on the frame that is shown, and on all frames."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from Effects.prompt_case import SHAPE, ball_mask

COUNT = 3


@pytest.fixture
def frames(case):
    """Make the volume the first frame of a sequence in which the ball grows; return what shows another frame."""
    logic = slicer.modules.sequences.logic()
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Beat")
    sequence = logic.AddSynchronizedNode(None, case.volume, browser)
    sequence.SetIndexUnit("s")
    for index in range(COUNT):
        noise = np.random.default_rng(index).normal(0, 10, SHAPE)
        slicer.util.updateVolumeFromArray(case.volume, (noise + 100 * ball_of(index)).astype(np.int16))
        sequence.SetDataNodeAtValue(case.volume, str(index))

    def turn_to(index):
        browser.SetSelectedItemNumber(index)
        logic.UpdateProxyNodesFromSequences(browser)
        case.pause(0.1)

    turn_to(0)
    return turn_to


@pytest.fixture
def answered(case, frames):
    """Ask about all frames with a box on the first."""
    case.box()
    case.ui.allFramesButton.click()
    case.wait(lambda: not case.session.isBusy)


def ball_of(index) -> np.ndarray:
    return ball_mask(radius=14.0 + 3 * index)


def overlap(case, index) -> float:
    """Dice of the segment that is shown with the ball of a frame."""
    mask, ball = case.voxels(), ball_of(index)
    return 2 * np.count_nonzero(mask & ball) / (np.count_nonzero(mask) + np.count_nonzero(ball))


def sequences() -> list:
    return slicer.util.getNodesByClass("vtkMRMLSequenceNode")


def test_the_frame_that_is_shown_is_segmented_and_another_frame_keeps_the_prompts(case, frames) -> None:
    case.prompt()
    assert case.session.canApply
    frames(1)
    assert not case.session.canApply
    assert case.session.promptCount == 1
    case.session.propagate()
    case.wait()
    case.effect.apply()
    assert case.voxels().any()


def test_all_frames_can_be_asked_about_only_in_a_sequence(case, request) -> None:
    case.prompt()
    assert case.ui.propagateButton.enabled
    assert not case.ui.allFramesButton.enabled
    request.getfixturevalue("frames")
    case.prompt()
    assert case.ui.allFramesButton.enabled


def test_frames_are_previewed_as_they_go_by_and_the_first_is_shown_again(case, frames) -> None:
    case.box()
    case.ui.allFramesButton.click()
    seen, browser = {}, slicer.util.getNode("Beat")

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


def test_every_frame_shows_its_own_answer_when_it_is_turned_to(case, frames, answered) -> None:
    areas = []
    for index in range(COUNT):
        frames(index)
        areas.append(case.shown())
    assert areas == sorted(areas)
    assert areas[0] < 0.8 * areas[-1]


def test_apply_writes_the_mask_of_every_frame_and_undo_all_frames_takes_it_back(case, frames, answered) -> None:
    case.fill("other", np.s_[0:2, 0:5, 0:5])
    other = case.voxels("other")
    assert not case.ui.undoFramesButton.visible
    case.ui.applyPreviewButton.click()
    assert len(sequences()) == 2
    for index in range(COUNT):
        frames(index)
        assert overlap(case, index) > 0.7
        np.testing.assert_array_equal(case.voxels("other"), other)
    assert "Undo all frames" in case.ui.undoFramesButton.text

    case.session.undoFrames()

    assert len(sequences()) == 1
    assert not case.session.frames.canUndo
    for index in range(COUNT):
        frames(index)
        assert not case.voxels().any()
        np.testing.assert_array_equal(case.voxels("other"), other)


def test_the_undo_of_the_editor_changes_no_frame_after_all_were_written(case, frames, answered) -> None:
    frames(COUNT - 1)
    case.effect.apply()
    case.editor.undo()
    for index in range(COUNT):
        frames(index)
        assert overlap(case, index) > 0.7


def test_a_segmentation_of_frames_gets_its_former_frames_back(case, frames, answered) -> None:
    case.effect.apply()
    before = []
    for index in range(COUNT):
        frames(index)
        before.append(case.voxels())
    frames(0)
    case.ui.thresholdSlider.value = 0.9
    case.ui.allFramesButton.click()
    case.wait(lambda: not case.session.isBusy)
    case.effect.apply()
    assert not np.array_equal(case.voxels(), before[0])
    case.session.undoFrames()
    assert len(sequences()) == 2
    for index in range(COUNT):
        frames(index)
        np.testing.assert_array_equal(case.voxels(), before[index])


def test_a_cancel_keeps_the_frames_that_are_done(case, frames) -> None:
    case.box()
    case.ui.allFramesButton.click()
    browser = slicer.util.getNode("Beat")
    case.wait(lambda: browser.GetSelectedItemNumber() == 1)
    case.ui.cancelRunButton.click()
    assert not case.session.isBusy
    assert browser.GetSelectedItemNumber() == 0
    case.pause(0.5)
    assert browser.GetSelectedItemNumber() == 0
    case.effect.apply()
    assert overlap(case, 0) > 0.7
    frames(2)
    assert not case.voxels().any()


def test_masking_looks_at_the_voxels_of_each_frame(case, frames, answered) -> None:
    case.node.SetSourceVolumeIntensityMask(True)
    case.node.SetSourceVolumeIntensityMaskRange(100, 200)
    case.effect.apply()
    for index in range(COUNT):
        frames(index)
        assert case.voxels().any()
        assert slicer.util.arrayFromVolume(case.volume)[case.voxels()].min() >= 100


@pytest.mark.parametrize("name", ["Beat", "CT", "Segmentation"])
def test_a_node_that_is_removed_on_the_way_ends_the_run(case, frames, name) -> None:
    case.box()
    case.ui.allFramesButton.click()
    slicer.mrmlScene.RemoveNode(slicer.util.getNode(name))
    case.wait(lambda: not case.session.isBusy)


def test_a_scene_that_is_closed_on_the_way_ends_the_run(case, frames) -> None:
    case.box()
    case.ui.allFramesButton.click()
    case.driver.close_scene()
    assert not case.session.isBusy


def test_a_saved_scene_brings_the_segment_of_every_frame_back(case, frames, answered, tmp_path) -> None:
    case.effect.apply()
    bundle = str(tmp_path / "work.mrb")
    assert case.driver.scene.WriteToMRB(bundle)
    case.driver.close_scene()
    assert case.driver.scene.ReadFromMRB(bundle)
    case.volume, case.segmentation = slicer.util.getNode("CT"), slicer.util.getNode("Segmentation")
    browser = slicer.util.getNode("Beat")
    for index in range(COUNT):
        browser.SetSelectedItemNumber(index)
        slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
        assert overlap(case, index) > 0.7
