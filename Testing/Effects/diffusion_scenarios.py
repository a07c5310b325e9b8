"""What users do with the AI Diffusion effect, one scenario a function; every one takes a fresh `DiffusionCase`."""

from __future__ import annotations

import numpy as np
import slicer
from Effects.diffusion_case import ROUGH
from MedSegAICore.consensus import volume_interval
from MedSegAICore.request import DiffusionTask
from MedSegAICore.segmentation_file import RECIPE_TAG
from MedSegAILib.mrml.segments import tagOf
from MedSegAILib.mrml.volumes import imageVolume

TURNED = [[0.8, -0.6, 0, 12], [0.6, 0.8, 0, -7], [0, 0, 1, 5], [0, 0, 0, 1.0]]


def masks_around_the_segment_are_previewed_applied_undone_and_done_again(case):
    before = case.voxels()
    case.draw()
    assert case.session.previews.isShown
    np.testing.assert_array_equal(case.voxels(), before)

    case.ui.applyDiffusionButton.click()

    written = case.voxels()
    np.testing.assert_array_equal(written, case.found())
    assert not np.array_equal(written, before)
    assert not case.session.canApply
    case.editor.undo()
    np.testing.assert_array_equal(case.voxels(), before)
    case.editor.redo()
    np.testing.assert_array_equal(case.voxels(), written)


def the_slices_of_the_segment_are_the_ones_that_are_drawn_on(case):
    case.draw()
    assert list(np.flatnonzero(case.seen().any(axis=(1, 2)))) == [8, 9, 10, 11, 12]


def nothing_changes_where_the_network_has_not_looked(case):
    case.fill("organ", np.s_[0:20, 0:3, 0:3])
    case.box()
    case.draw()
    case.effect.apply()
    assert list(np.flatnonzero(case.seen().any(axis=(1, 2)))) == [10]
    elsewhere = ~case.seen()
    assert case.voxels()[:, 0:3, 0:3].all()
    np.testing.assert_array_equal(case.voxels()[case.seen()], case.found()[case.seen()])
    assert elsewhere[:, 0:3, 0:3].all()


def a_point_says_where_to_look(case):
    case.ui.aroundPointButton.click()
    case.click((40, 50, 10))
    assert case.session.promptCount == 1
    case.draw()
    assert case.seen()[10, 50, 40]
    assert case.answer.result.provenance.task["prompts"][0]["kind"] == "point"


def a_region_with_depth_is_drawn_on_slice_by_slice(case):
    case.ui.diffusionRegionButton.click()
    assert case.ui.aroundBoxButton.checked
    (roi,) = slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")
    roi.SetCenterWorld(*case.at((40, 50, 10)))
    roi.SetSize(44, 44, 20)
    case.draw()
    slices = np.flatnonzero(case.seen().any(axis=(1, 2)))
    assert 6 <= len(slices) <= 8
    assert 10 in slices


def prompts_are_taken_back_removed_and_hidden(case):
    case.box()
    case.ui.aroundPointButton.click()
    case.click((40, 50, 10))
    assert case.session.promptCount == 2
    case.driver.mouse().key("x")
    assert case.session.promptCount == 1
    (box,) = slicer.util.getNodesByClass("vtkMRMLMarkupsClosedCurveNode")
    assert box.GetDisplayVisibility()
    case.ui.aroundSegmentButton.click()
    assert not box.GetDisplayVisibility()
    case.ui.aroundBoxButton.click()
    case.ui.diffusionClearButton.click()
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsNode") == []


def one_slice_is_drawn_on_alone(case):
    before = case.voxels()
    case.one_slice()
    case.draw()
    assert "on this slice" in case.ui.volumeLabel.text
    assert not case.ui.nextDoubtfulButton.enabled
    case.effect.apply()
    after, others = case.voxels(), np.arange(20) != 10
    np.testing.assert_array_equal(after[others], before[others])
    np.testing.assert_array_equal(after[10], case.found()[10])


def an_oblique_slice_is_drawn_on_and_nothing_beside_it(case):
    before = case.voxels()
    case.one_slice()
    node = case.driver.view().mrmlSliceNode()
    node.SetSliceToRASByNTP(0.3, 0.2, 0.93, 1, 0, -0.3, *case.at((40, 50, 10)), 0)
    case.draw()
    case.effect.apply()
    changed = before != case.voxels()
    assert changed.any()
    k, j, i = np.nonzero(changed)
    normal = np.array([0.3, 0.2, 0.93]) / np.linalg.norm([0.3, 0.2, 0.93])
    positions = np.stack([case.at(voxel) for voxel in zip(i, j, k, strict=True)])
    assert np.abs((positions - case.at((40, 50, 10))) @ normal).max() < 2.1  # half a voxel's diagonal


def candidates_are_looked_at_and_the_chosen_one_is_applied_and_recorded(case):
    case.draw()
    assert case.ui.diffusionCandidateSlider.maximum == 3

    case.ui.diffusionCandidateSlider.value = 2
    assert not case.ui.diffusionThresholdSlider.enabled
    assert "Candidate 2 of 3" in case.ui.volumeLabel.text
    case.driver.mouse().key("a")

    np.testing.assert_array_equal(case.voxels(), case.found(2))
    (recipe,) = case.recipes()
    assert isinstance(recipe.task, DiffusionTask)
    assert recipe.task.candidate == 2
    again = case.session.engine.segmentAndWait(recipe.request(imageVolume(case.volume)))
    np.testing.assert_array_equal(again.mask.full(), case.voxels())
    case.ui.diffusionCandidateSlider.value = 0
    assert case.session.canApply
    case.effect.apply()
    assert case.recipes()[0].task.candidate == 0


def the_volume_and_how_much_the_masks_differ_is_told(case):
    assert case.ui.volumeLabel.text == ""
    case.draw()
    low, high = volume_interval(case.answer.result.candidates)
    text = case.ui.volumeLabel.text
    assert f"between {low:.3g} and {high:.3g} ml" in text
    assert f"Consensus of 3 masks: {3e-3 * case.found().sum():.3g} ml" in text


def the_threshold_changes_the_preview_and_what_is_applied(case):
    case.ui.diffusionCombineSelector.currentIndex = 1
    case.draw()
    sizes = []
    for threshold in (0.2, 0.5):
        case.ui.diffusionThresholdSlider.value = threshold
        assert case.effect.apply() is None
        sizes.append(case.voxels().sum())
        assert case.recipes()[0].task.threshold == threshold
    assert sizes[0] > sizes[1]


def every_mask_becomes_a_segment_and_no_other_loses_voxels(case):
    before = case.voxels()
    case.draw()
    case.node.SetOverwriteMode(case.node.OverwriteAllSegments)

    case.ui.addCandidatesButton.click()

    assert case.segments() == ["organ", "other", *(f"organ candidate {number}" for number in (1, 2, 3))]
    np.testing.assert_array_equal(case.voxels(), before)
    segmentation = case.segmentation.GetSegmentation()
    for number, segment_id in enumerate(segmentation.GetSegmentIDs()[2:], 1):
        np.testing.assert_array_equal(case.voxels(segment_id), case.found(number))
        assert f'"candidate": {number}' in tagOf(segmentation.GetSegment(segment_id), RECIPE_TAG)
    assert case.node.GetOverwriteMode() == case.node.OverwriteAllSegments
    case.editor.undo()
    assert case.segments() == ["organ", "other"]


def the_uncertainty_lies_in_front_of_the_image_and_goes_away_again(case):
    assert not case.ui.uncertaintyButton.enabled
    case.draw()
    case.ui.uncertaintyButton.click()
    (node,) = [one for one in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if "uncertain" in one.GetName()]
    assert case.foregrounds() == {node.GetID()}
    unsure = case.answer.result.uncertainty.full().astype(np.float32)
    np.testing.assert_allclose(slicer.util.arrayFromVolume(node), unsure)
    assert unsure.max() > 0

    case.ui.uncertaintyButton.click()

    assert case.foregrounds() == {None}
    assert case.voxels()[ROUGH].all()


def leaving_the_effect_takes_the_uncertainty_away(case):
    case.draw()
    case.ui.uncertaintyButton.click()
    case.editor.setActiveEffectByName("")
    assert case.foregrounds() == {None}
    case.editor.setActiveEffectByName("AI Diffusion")
    assert not case.ui.uncertaintyButton.checked


def the_slices_on_which_the_masks_differ_come_one_after_the_other(case):
    case.draw()
    doubt = case.answer.result.uncertainty.full().sum(axis=(1, 2), dtype=float)
    seen = []
    for _ in range(np.count_nonzero(doubt)):
        case.driver.mouse().key("n")
        offset = case.driver.view("Red").mrmlSliceNode().GetSliceOffset()
        seen.append(round((offset + 30) / 3))
    assert seen == sorted(np.flatnonzero(doubt), key=lambda k: -doubt[k])
    case.ui.nextDoubtfulButton.click()
    assert "nothing left" in case.said


def the_time_is_told_before_masks_are_drawn(case):
    case.wait(lambda: case.session.predictedSeconds)
    few = case.session.predictedSeconds
    assert few > 0
    assert "about" in case.ui.diffusionTimeLabel.text

    case.ui.stepsSlider.value = 100
    assert case.session.predictedSeconds is None
    case.wait(lambda: case.session.predictedSeconds)

    assert case.session.predictedSeconds > 2 * few


def the_mean_of_the_masks_is_seen_while_they_are_drawn(case):
    case.start()
    case.wait(lambda: case.session.previews.isShown)
    assert case.session.isBusy
    assert not case.session.canApply


def only_voxels_in_the_editable_intensity_range_are_written(case):
    case.node.SetSourceVolumeIntensityMask(True)
    case.node.SetSourceVolumeIntensityMaskRange(100, 200)
    before = case.voxels()
    case.draw()
    case.effect.apply()
    changed = before != case.voxels()
    assert changed.any()
    assert slicer.util.arrayFromVolume(case.volume)[changed].min() >= 100


def under_a_parent_transform_the_right_voxels_are_shown_and_written(case):
    case.driver.close_scene()
    turned = type(case)(case.driver, transform=TURNED)
    turned.draw()
    assert turned.session.previews.isShown
    turned.effect.apply()
    np.testing.assert_array_equal(turned.voxels(), turned.found())


def the_same_seed_gives_the_same_masks_and_another_one_others(case):
    found = []
    for seed in (0, 1, 0):
        case.ui.seedSlider.value = seed
        case.draw()
        found.append(case.found(1))
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])


def what_is_missing_is_said(case):
    case.fill("organ", np.s_[0:0, 0:0, 0:0])
    case.ui.drawMasksButton.click()
    assert "The current segment is empty" in case.said
    case.ui.aroundBoxButton.click()
    case.ui.drawMasksButton.click()
    assert "Drag a box" in case.said
    assert not case.session.isBusy


def a_saved_scene_brings_options_back(case):
    case.box()
    case.ui.seedSlider.value = 7
    case.save_and_read_scene()
    node = slicer.util.getNodesByClass("vtkMRMLSegmentEditorNode")[0]
    assert node.GetAttribute("AI Diffusion.Seed") == "7"
    assert node.GetAttribute("AI Diffusion.Around") == "box"
