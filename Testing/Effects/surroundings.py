"""Scenarios of the AI Prompt effect: masking, views, transforms, other segments and saved scenes around it.

Each takes a fresh `PromptCase`.
"""

from __future__ import annotations

import numpy as np
import slicer
from Effects.prompt_case import CENTER, GREEN
from Host.picture import has_color
from scipy import ndimage

SLICE = np.s_[10]
TURNED = [[0.8, -0.6, 0, 12], [0.6, 0.8, 0, -7], [0, 0, 1, 5], [0, 0, 0, 1.0]]


def only_voxels_in_the_editable_intensity_range_are_written(case):
    case.node.SetSourceVolumeIntensityMask(True)
    case.node.SetSourceVolumeIntensityMaskRange(100, 200)
    case.box()
    case.effect.apply()
    written, intensities = case.voxels(), slicer.util.arrayFromVolume(case.volume)
    assert written.any()
    assert intensities[written].min() >= 100


def only_voxels_in_the_mask_segment_are_written(case):
    case.fill("other", np.s_[10:11, :50])
    case.node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment)
    case.node.SetMaskSegmentID("other")
    case.node.SetOverwriteMode(case.node.OverwriteNone)
    case.box()
    case.effect.apply()
    assert case.voxels()[10, :50].any()
    assert not case.voxels()[10, 50:].any()


def an_oblique_slice_is_prompted_previewed_and_written(case):
    slice_node = case.driver.view().mrmlSliceNode()
    slice_node.SetSliceToRASByNTP(0.3, 0.2, 0.93, 1, 0, -0.3, *case.at(CENTER), 0)
    case.prompt()
    assert case.shown() > 0.02
    case.session.store.setVisible(False)
    green = has_color(case.driver.picture(), GREEN)
    assert green.sum() / ndimage.binary_closing(green, np.ones((9, 9))).sum() > 0.99  # solid, without stripes
    case.session.store.setVisible(True)
    case.effect.apply()
    written = case.voxels()
    assert len(np.flatnonzero(written.any(axis=(1, 2)))) > 2
    # the voxels have the plane's answer up to half a diagonal beside it
    assert (written & ndimage.binary_dilation(case.ball, iterations=2)).sum() > 0.95 * written.sum()


def replacing_on_a_slice_leaves_other_slices_alone(case):
    case.fill("organ", np.s_[8:13, 0:10, 0:10])
    case.box()
    case.effect.apply()
    assert case.voxels()[[8, 9, 11, 12], 0:10, 0:10].all()
    assert not case.voxels()[10, 0:10, 0:10].any()


def in_coronal_views_the_slice_that_is_seen_is_segmented(case):
    _prompt_in(case, "Green", np.s_[:, 50])


def in_sagittal_views_the_slice_that_is_seen_is_segmented(case):
    _prompt_in(case, "Yellow", np.s_[:, :, 40])


def _prompt_in(case, view, cut):
    case.prompt(view=view)
    assert case.shown(view) > 0.01
    case.effect.apply()
    written = case.voxels()
    assert written[cut].sum() == written.sum() > 50
    assert (written & case.ball).sum() > 0.9 * written.sum()


def overwriting_everything_takes_voxels_from_other_segments(case):
    assert _lost_to_the_organ(case, case.node.OverwriteAllSegments).any()


def overwriting_visible_segments_takes_voxels_from_them(case):
    assert _lost_to_the_organ(case, case.node.OverwriteVisibleSegments).any()


def overwriting_visible_segments_leaves_hidden_ones_alone(case):
    case.segmentation.GetDisplayNode().SetSegmentVisibility("other", False)
    assert not _lost_to_the_organ(case, case.node.OverwriteVisibleSegments).any()


def segments_may_overlap(case):
    assert not _lost_to_the_organ(case, case.node.OverwriteNone).any()


def _lost_to_the_organ(case, mode):
    """Return the voxels that another segment loses when the organ is written over it."""
    case.fill("other", np.s_[9:12, 40:60, 30:50])
    case.node.SetOverwriteMode(mode)
    before = case.voxels("other")
    case.box()
    case.effect.apply()
    lost = before & ~case.voxels("other")
    assert case.voxels()[10, 45:55, 35:45].all()
    assert not (lost & ~case.voxels()).any()
    return lost


def under_a_parent_transform_the_right_voxels_are_shown_and_written(case):
    case.driver.close_scene()
    turned = type(case)(case.driver, transform=TURNED)
    turned.box()
    assert turned.shown() > 0.03
    turned.effect.apply()
    assert turned.overlap(where=SLICE) > 0.75  # the box of a turned view is larger than the ball


def adding_keeps_the_rest_of_the_slice(case):
    before = _square_after_apply(case, mode=1)
    assert case.voxels()[10, 0:10, 0:10].all()
    assert case.voxels().sum() > before


def removing_keeps_the_rest_of_the_slice(case):
    before = _square_after_apply(case, mode=2)
    assert case.voxels()[10, 0:10, 0:10].all()
    assert case.voxels().sum() < before


def _square_after_apply(case, mode):
    """Apply a box in a mode to a segment that has a square; return its voxels before that."""
    case.fill("organ", np.s_[10:11, 0:60, 0:60])
    before = case.voxels().sum()
    case.ui.modeSelector.currentIndex = mode
    case.box()
    case.effect.apply()
    return before


def a_saved_scene_brings_prompts_back_in_their_order(case):
    case.prompt()
    case.prompt((55, 50, 10), "control")
    before = case.prompts()
    case.save_and_read_scene()
    case.open_editor()

    after = case.prompts()
    assert [prompt.positive for prompt in after] == [True, False]
    np.testing.assert_allclose(
        [prompt.position_ras for prompt in after], [prompt.position_ras for prompt in before], atol=1e-3
    )
    case.session.propagate()
    case.wait()
    assert case.session.canApply


def a_saved_scene_brings_options_back(case):
    case.ui.thresholdSlider.value = 0.4
    case.ui.holesCheckBox.click()
    case.save_and_read_scene()
    node = slicer.util.getNodesByClass("vtkMRMLSegmentEditorNode")[0]
    assert float(node.GetAttribute("AI Prompt.Threshold")) == 0.4
    assert node.GetAttribute("AI Prompt.Holes") == "1"


def a_restored_point_asks_when_it_is_dragged(case):
    case.prompt()
    case.save_and_read_scene()
    case.open_editor((10, 10, 2))
    case.pause(0.5)
    assert not case.session.isBusy
    assert not case.session.canApply
    case.look_at(CENTER)

    (node,) = case.session.store.nodes()
    node.SetNthControlPointPositionWorld(0, *case.at((46, 55, 10)))
    node.InvokeEvent(node.PointEndInteractionEvent)

    case.wait(lambda: case.session.canApply)
    assert case.session.promptCount == 1


def a_restored_scene_shows_its_previews_at_once(case):
    case.prompt()
    case.look_at((40, 50, 13))
    case.ui.lassoToolButton.click()
    case.drag([(28, 38, 13), (52, 38, 13), (52, 62, 13), (28, 62, 13)])
    case.wait()
    case.save_and_read_scene()
    case.open_editor()

    case.wait(lambda: case.session.canApply and not case.session.isBusy)

    assert case.session.previews.isShown
    assert case.session.apply()
    assert list(np.flatnonzero(case.voxels().any(axis=(1, 2)))) == [10, 13]
