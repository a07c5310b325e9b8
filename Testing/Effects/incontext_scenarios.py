"""What users do with the AI In-context effect, one scenario a function; every one takes a fresh `InContextCase`."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from Effects.incontext_case import TASK
from MedSegAICore.recipe import recipes_from_json
from MedSegAICore.request import InContextTask
from MedSegAICore.segmentation_file import RECIPE_TAG
from MedSegAILib.mrml.segments import tagOf


def a_task_starts_empty_and_grows_by_one_click(case):
    case.make_task("liver", "kidney")
    assert case.session.shelf.isEmpty
    assert "empty" in case.said
    assert not case.ui.segmentVolumeButton.enabled
    case.draw("liver", "kidney")

    case.ui.addSliceButton.click()

    (stored,) = case.stored()
    assert stored.labels == ("liver", "kidney")
    assert stored.example.image.geometry.shape[0] == 1
    np.testing.assert_array_equal(stored.example.image.array[0], case.query.image.canonical().array[case.place])
    assert abs(stored.position - (case.place + 0.5) / 18) < 1e-6
    assert stored.origin == "drawn"
    assert case.ui.contextTree.topLevelItemCount == 1
    assert case.ui.tasksTree.topLevelItem(0).text(2) == "1"
    assert not case.session.shelf.isEmpty
    assert "now has 1" in case.said


def the_whole_volume_becomes_an_example(case):
    case.make_task("liver", "kidney")
    case.draw("liver")
    case.ui.addVolumeButton.click()
    assert case.session.isBusy  # it is written in the engine process
    assert case.stored() == ()
    case.wait()
    assert "now has 1" in case.said
    (stored,) = case.stored()
    assert stored.labels == ("liver",)
    np.testing.assert_array_equal(stored.example.masks["liver"].full(), case.query.masks["liver"].full())
    case.ui.contextTree.setCurrentItem(case.ui.contextTree.topLevelItem(0))
    case.ui.removeContextButton.click()
    assert case.stored() == ()


def a_task_of_one_structure_takes_the_selected_segment_whatever_it_is_called(case):
    case.make_task("liver")
    case.draw("kidney", "liver", names=("other", "mine"))
    case.editor.setCurrentSegmentID("mine")
    case.ui.addSliceButton.click()
    (stored,) = case.stored()
    mask = stored.example.masks["liver"].full()[0]
    np.testing.assert_array_equal(mask, case.query.masks["liver"].canonical().full()[case.place])


def a_volume_is_segmented_previewed_and_applied_in_one_step_of_undo(case):
    case.have_examples(0, 1)
    case.segment_volume()
    assert case.shown("liver") > 0.005
    assert case.shown("kidney") > 0.005
    assert case.segments() == []

    case.ui.applyContextButton.click()

    assert case.segments() == ["liver", "kidney"]
    assert case.overlap("liver") > 0.7
    assert case.overlap("kidney") > 0.6
    segmentation = case.segmentation.GetSegmentation()
    segment = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName("liver"))
    (recipe,) = recipes_from_json(tagOf(segment, RECIPE_TAG))
    assert isinstance(recipe.task, InContextTask)
    assert recipe.task.digest == case.library.task(TASK).digest()
    case.editor.undo()
    assert case.segments() == []


def a_slice_is_segmented_and_replaces_nothing_beyond_it(case):
    case.have_examples(0, 1)
    case.draw("liver", moved=5)
    before = case.voxels("liver")
    case.segment_slice()
    assert case.shown("kidney") > 0.005
    case.ui.applyContextButton.click()
    after = case.voxels("liver")
    elsewhere = np.arange(18) != case.place
    np.testing.assert_array_equal(after[elsewhere], before[elsewhere])
    drawn = case.query.masks["liver"].full()[case.place]
    both = after[case.place] & drawn
    assert 2 * both.sum() / (after[case.place].sum() + drawn.sum()) > 0.7
    case.editor.undo()
    np.testing.assert_array_equal(case.voxels("liver"), before)


def the_view_that_is_clicked_in_is_the_one_that_counts(case):
    case.make_task("liver")
    case.draw("liver")
    assert case.ui.viewSelector.currentText.startswith("Red")
    position = case.query.image.geometry.to_ras([[9, 11, 9]])[0]
    case.driver.jump_to(position)
    case.driver.mouse("Green").click(position)
    assert case.ui.viewSelector.currentText.startswith("Green")
    case.ui.addSliceButton.click()
    (stored,) = case.stored()
    assert stored.example.image.geometry.shape == (18, 1, 24)


def an_accepted_slice_joins_the_task_and_a_corrected_one_too(case):
    case.have_examples(0, 1)
    case.segment_volume()
    case.ui.acceptSliceButton.click()
    assert case.segments() == ["liver", "kidney"]
    accepted = [context for context in case.stored() if context.position is not None]
    assert [(context.origin, context.model) for context in accepted] == [("accepted", "registered_context")]
    assert "now has 3" in case.said

    case.driver.jump_to(case.query.image.geometry.to_ras([[12, 13, case.place - 2]])[0])
    case.draw("liver", moved=2)
    case.ui.acceptSliceButton.click()
    origins = sorted(context.origin for context in case.stored() if context.position is not None)
    assert origins == ["accepted", "corrected"]


def the_most_doubtful_slices_are_shown_one_after_the_other_but_none_that_was_accepted(case):
    case.have_examples(0, 1)
    case.segment_volume()
    doubt = case.session.answer.result.uncertainty.full().sum(axis=(1, 2), dtype=float)
    case.ui.lookNextButton.click()
    first = case.slice_in_view()
    assert first == doubt.argmax()
    case.driver.mouse().key("n")
    second = case.slice_in_view()
    assert second != first

    case.ui.acceptSliceButton.click()
    case.segment_volume()
    seen = []
    while "nothing left" not in case.said:
        case.ui.lookNextButton.click()
        seen.append(case.slice_in_view())
    assert first in seen
    assert second not in seen


def the_uncertainty_is_shown_as_a_volume_where_the_image_lies(case):
    case.have_examples(0, 1)
    assert not case.ui.showUncertaintyButton.enabled
    case.segment_volume()
    case.ui.showUncertaintyButton.click()
    case.ui.showUncertaintyButton.click()
    (node,) = [one for one in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if "uncertain" in one.GetName()]
    array = slicer.util.arrayFromVolume(node)
    np.testing.assert_allclose(array, case.session.answer.result.uncertainty.full().astype(np.float32))
    assert 0.5 < array.max() <= 1
    matrices = [slicer.util.arrayFromVTKMatrix(_ijk_to_ras(one)) for one in (node, case.volume)]
    np.testing.assert_allclose(*matrices)


def the_threshold_changes_the_preview_and_what_is_applied(case):
    case.have_examples(0, 1)
    case.segment_volume()
    seen = case.shown("liver")
    case.ui.contextThresholdSlider.value = 0.75
    assert case.shown("liver") < seen
    case.effect.apply()
    strict = case.voxels("liver").sum()
    case.editor.undo()
    case.ui.contextThresholdSlider.value = 0.3
    case.effect.apply()
    assert case.voxels("liver").sum() > strict


def a_volume_under_a_transform_is_segmented_and_added_where_it_lies(case):
    turned = np.array([[0.99, -0.1, 0, 40], [0.1, 0.99, 0, -20], [0, 0, 1, 15], [0, 0, 0, 1.0]])
    turned[:2, :2] /= np.hypot(0.99, 0.1)
    case.put_under(turned)
    case.have_examples(0, 1)
    case.segment_volume()
    case.effect.apply()
    assert case.overlap("liver") > 0.6
    case.driver.jump_to((turned @ [*case.query.image.geometry.to_ras([[12, 13, case.place]])[0], 1])[:3])
    case.ui.addSliceButton.click()
    (stored,) = [context for context in case.stored() if context.position is not None]
    assert abs(stored.position - (case.place + 0.5) / 18) < 1e-6


def an_empty_task_leads_to_prompts_with_the_right_segment(case):
    case.make_task("liver")
    case.ui.startPromptButton.click()
    assert case.editor.activeEffect().name == "AI Prompt"
    assert case.segments() == ["liver"]
    assert case.node.GetSelectedSegmentID() == case.segmentation.GetSegmentation().GetSegmentIdBySegmentName("liver")
    case.draw("liver")
    case.editor.setActiveEffectByName("AI In-context")
    case.ui.addSliceButton.click()
    assert len(case.stored()) == 1


def what_cannot_be_added_is_explained(case):
    case.make_task("liver", "kidney")
    case.ui.addSliceButton.click()
    assert "No segment with voxels is called 'liver' or 'kidney'" in case.said
    case.draw("liver")
    case.driver.jump_to(case.query.image.geometry.to_ras([[12, 13, 0]])[0])
    case.ui.addSliceButton.click()
    assert "Nothing of liver is drawn on this slice" in case.said
    assert case.stored() == ()


def a_task_is_found_again_in_the_scene_and_examples_of_other_programs_appear(case):
    case.have_examples(0)
    case.editor.setActiveEffectByName("")
    case.have_examples(1)
    case.editor.setActiveEffectByName("AI In-context")
    assert case.session.shelf.name == TASK
    assert case.ui.contextTree.topLevelItemCount == 2


def _ijk_to_ras(node):
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return matrix
