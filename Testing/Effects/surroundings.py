"""Scenarios of the AI Prompt effect: masking, views and other segments around it; each takes a fresh `PromptCase`."""

from __future__ import annotations

import numpy as np
import slicer
from Effects.prompt_case import CENTER, GREEN
from Host.picture import has_color
from scipy import ndimage


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
