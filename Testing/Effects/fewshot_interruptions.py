"""Scenarios of the AI Few-shot effect: what comes in between; each takes a fresh `FewShotCase`."""

from __future__ import annotations

import os
import signal
import sys

import slicer


def learning_is_cancelled_and_nothing_is_kept(case):
    case.add_examples(0, 1)
    case.ui.learnButton.click()
    case.driver.wait_until(lambda: case.session.runs.isRunning)
    assert case.ui.cancelFewShotButton.enabled
    case.ui.cancelFewShotButton.click()
    assert not case.session.isBusy
    case.pause(0.5)
    assert case.session.model is None
    assert "Cancelled" in case.ui.fewShotStatusLabel.text
    assert case.ui.learnButton.enabled


def another_volume_gets_nothing_and_what_was_found_waits(case):
    case.have_learned()
    case.segment()
    assert case.shown("liver") > 0.005
    other, _ = case.draw_person(3)
    case.editor.setSourceVolumeNode(other)
    assert not case.session.canApply
    assert not case.session.previews.isShown
    case.editor.setSourceVolumeNode(case.volume)
    assert case.session.canApply
    assert case.session.previews.isShown


def what_is_found_while_the_effect_is_left_is_there_when_the_user_comes_back(case):
    case.have_learned()
    case.ui.segmentButton.click()
    case.editor.setActiveEffectByName("")
    case.wait()
    assert not case.session.previews.isShown
    case.editor.setActiveEffectByName("AI Few-shot")
    assert case.session.previews.isShown
    case.effect.apply()
    assert case.overlap("liver") > 0.6


def another_segmentation_gets_the_structures(case):
    case.have_learned()
    case.segment()
    first = case.segmentation
    case.segmentation = case.draw_person(3, labels=["kidney"])[1]
    case.editor.setSegmentationNode(case.segmentation)
    case.effect.apply()
    assert case.segments() == ["kidney", "liver"]
    assert first.GetSegmentation().GetNumberOfSegments() == 0


def a_scene_that_is_closed_while_learning_ends_it_quietly(case):
    case.add_examples(0, 1)
    case.ui.learnButton.click()
    case.driver.wait_until(lambda: case.session.runs.isRunning)
    case.driver.close_scene()
    assert not case.session.isBusy
    case.pause(0.5)
    assert case.session.examples.items == []
    assert case.session.model is None


def a_scene_that_is_closed_while_segmenting_leaves_nothing_behind(case):
    case.have_learned()
    case.segment()
    case.ui.segmentButton.click()
    case.driver.close_scene()
    case.pause(0.5)
    assert not case.session.isBusy
    assert not case.session.previews.isShown
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def a_volume_that_is_deleted_while_it_is_segmented_ends_it_quietly(case):
    case.have_learned()
    case.ui.segmentButton.click()
    slicer.mrmlScene.RemoveNode(case.volume)
    case.wait()
    case.pause(0.2)
    assert not case.session.canApply
    assert not case.session.previews.isShown
    case.effect.apply()
    assert case.segments() == []


def a_segmentation_that_is_deleted_while_segmenting_ends_it_quietly(case):
    case.have_learned()
    case.ui.segmentButton.click()
    slicer.mrmlScene.RemoveNode(case.segmentation)
    case.wait()
    case.effect.apply()
    assert case.driver.picture().shape


def an_example_that_is_deleted_while_learning_is_learned_all_the_same(case):
    case.add_examples(0)
    case.ui.learnButton.click()
    case.driver.wait_until(lambda: case.session.runs.isRunning)
    for node in case.examples[0]:
        slicer.mrmlScene.RemoveNode(node)
    case.wait()
    assert case.session.model.labels == ("liver", "kidney")


def changed_voxels_drop_what_was_found(case):
    case.have_learned()
    case.segment()
    slicer.util.arrayFromVolume(case.volume)[10] += 5
    slicer.util.arrayFromVolumeModified(case.volume)
    case.pause(0.1)
    assert not case.session.canApply
    assert not case.session.previews.isShown
    assert "changed" in case.ui.fewShotStatusLabel.text


def an_engine_that_is_killed_while_learning_is_told_and_learning_again_works(case):
    heard = []
    case.session.engine.start(heard.append)
    case.driver.wait_until(lambda: heard)
    case.add_examples(0)
    case.ui.learnButton.click()
    case.driver.wait_until(lambda: case.session.runs.isRunning)
    os.kill(heard[0]["pid"], signal.SIGKILL)
    case.wait()
    assert "engine process" in case.ui.fewShotStatusLabel.text
    assert len(case.session.examples.items) == 1

    case.learn()
    assert case.session.model is not None


def the_application_never_opens_a_network_library(case):
    libraries = {"torch", "monai", "segment_anything"}
    # other tests of the same process may have opened them
    opened = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in libraries}
    try:
        case.have_learned()
        case.segment()
        case.effect.apply()
        assert not libraries & {name.split(".")[0] for name in sys.modules}
    finally:
        sys.modules.update(opened)
