"""What every effect relies on, one scenario a function; each takes a fresh `EditorCase`."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from Host.nodes import add_volume


def a_click_becomes_voxels_and_pixels_and_undo_takes_them_back(case):
    assert case.shown() == 0

    case.click()

    expected = np.zeros((20, 40, 50), dtype=bool)
    expected[8:13, 13:18, 18:23] = True
    np.testing.assert_array_equal(case.voxels(), expected)
    assert case.shown() > 0.005
    case.editor.undo()
    assert not case.voxels().any()
    assert case.shown() == 0
    case.editor.redo()
    assert case.voxels().sum() == 125


def every_view_edits_the_same_place(case):
    for view in ("Green", "Yellow"):
        case.click(view=view)
        assert case.voxels()[8:13, 13:18, 18:23].all()
        assert case.shown(view) > 0.005
        case.editor.undo()


def a_turned_view_edits_where_it_points(case):
    node = case.driver.view().mrmlSliceNode()
    turn = vtk.vtkTransform()
    turn.Concatenate(node.GetSliceToRAS())
    turn.RotateWXYZ(30, 1, 1, 0)
    node.GetSliceToRAS().DeepCopy(turn.GetMatrix())
    node.UpdateMatrices()
    case.driver.jump_to(case.at((20, 15, 10)))

    case.click()

    assert case.voxels()[10, 15, 20]
    assert case.voxels().sum() == 125


def control_and_the_options_reach_the_effect(case):
    case.click()
    case.effect.self().size.value = 0
    assert case.effect.parameter("Size") == "0"
    assert case.node.GetAttribute("Dot.Size") == "0"

    case.click((20, 15, 10), "control")

    assert case.voxels().sum() == 124


def the_scene_reaches_the_options(case):
    case.node.SetAttribute("Dot.Size", "4")
    case.driver.wait(0.1)

    assert case.effect.self().size.value == 4


def the_effect_hears_of_another_volume_and_of_its_end(case):
    effect = case.effect.self()
    effect.events.clear()

    case.editor.setSourceVolumeNode(add_volume(np.zeros((5, 6, 7), dtype=np.int16)))
    case.editor.setActiveEffectByName("")

    assert effect.events == ["volume", "deactivate"]
    assert case.editor.activeEffect() is None


def the_intensity_range_protects_voxels(case):
    case.node.SetSourceVolumeIntensityMask(True)
    case.node.SetSourceVolumeIntensityMaskRange(50, 99)

    case.click()

    found = case.voxels()
    assert 30 < found.sum() < 95
    assert slicer.util.arrayFromVolume(case.volume)[found].min() >= 50


def the_overwrite_mode_decides_about_other_segments(case):
    case.click()
    case.segmentation.GetSegmentation().AddEmptySegment("other", "other")
    case.editor.setCurrentSegmentID("other")
    for mode, left in ((case.node.OverwriteNone, 125), (case.node.OverwriteAllSegments, 0)):
        case.node.SetOverwriteMode(mode)
        case.click()
        assert case.voxels().sum() == left


def a_closed_scene_ends_the_effect(case):
    effect = case.effect.self()

    case.driver.close_scene()

    assert effect.events[-1] == "deactivate"
    assert case.editor.activeEffect() is None


def every_editor_has_its_own_clone(case):
    other = case.driver.open_editor(case.volume, case.segmentation)

    mine, theirs = (editor.effectByName("Dot").self() for editor in (case.editor, other))
    assert mine is not theirs
    assert type(mine) is type(theirs)
