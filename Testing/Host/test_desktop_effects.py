"""A scripted effect lives in the host as in the desktop's Segment Editor."""

from __future__ import annotations

import numpy as np
import pytest
from Host.nodes import add_segmentation, add_volume, segment_array
from Host.picture import share_of_color

GREEN = (0.1, 0.8, 0.2)


@pytest.fixture
def volume(desktop):
    return add_volume(np.random.default_rng(0).integers(0, 100, (20, 40, 50)).astype(np.int16))


@pytest.fixture
def segmentation(volume):
    node = add_segmentation(volume)
    node.GetSegmentation().AddEmptySegment("organ", "organ", GREEN)
    return node


@pytest.fixture
def editor(desktop, conformance_effects, volume, segmentation):
    editor = desktop.open_editor(volume, segmentation)
    editor.setActiveEffectByName("Dot")
    return editor


@pytest.fixture
def organ(segmentation, volume):
    """Return the segment as voxels (k, j, i)."""
    return lambda: segment_array(segmentation, "organ", volume)


def at_voxel(volume, i, j, k):
    return np.array([-0.7, -0.9, 3.1]) * (i, j, k) + (11, 22, 33)


def test_a_click_becomes_voxels_and_pixels_and_undo_takes_them_back(desktop, editor, volume, organ) -> None:
    desktop.jump_to(at_voxel(volume, 20, 15, 10))
    assert share_of_color(desktop.picture(), GREEN) == 0

    desktop.mouse().click(at_voxel(volume, 20, 15, 10))

    expected = np.zeros((20, 40, 50), dtype=bool)
    expected[8:13, 13:18, 18:23] = True
    np.testing.assert_array_equal(organ(), expected)
    assert share_of_color(desktop.picture(), GREEN) > 0.005

    editor.undo()
    assert not organ().any()
    assert share_of_color(desktop.picture(), GREEN) == 0
    editor.redo()
    assert organ().sum() == 125


def test_control_click_and_the_size_of_the_options_reach_the_effect(desktop, editor, volume, organ) -> None:
    effect = editor.activeEffect()
    desktop.mouse().click(at_voxel(volume, 20, 15, 10))
    effect.self().size.value = 0
    assert effect.parameter("Size") == "0"
    assert editor.mrmlSegmentEditorNode().GetAttribute("Dot.Size") == "0"

    desktop.mouse().click(at_voxel(volume, 20, 15, 10), "control")

    assert organ().sum() == 124


def test_an_effect_sees_what_changes_around_it(desktop, editor) -> None:
    effect = editor.activeEffect()
    other = add_volume(np.zeros((5, 6, 7), dtype=np.int16))
    effect.self().events.clear()

    editor.setSourceVolumeNode(other)
    editor.mrmlSegmentEditorNode().SetAttribute("Dot.Size", "4")
    editor.setActiveEffectByName("")

    assert effect.self().events == ["volume", "deactivate"]
    assert effect.self().size.value == 4
    assert editor.activeEffect() is None


def test_the_mask_and_the_overwrite_mode_of_the_editor_hold(desktop, editor, volume, segmentation, organ) -> None:
    node = editor.mrmlSegmentEditorNode()
    node.SetSourceVolumeIntensityMask(True)
    node.SetSourceVolumeIntensityMaskRange(50, 99)
    desktop.mouse().click(at_voxel(volume, 20, 15, 10))
    first = organ()
    voxels = np.asarray(volume.GetImageData().GetPointData().GetScalars()).reshape(20, 40, 50)
    assert 30 < first.sum() < 95
    assert voxels[first].min() >= 50

    node.SetSourceVolumeIntensityMask(False)
    segmentation.GetSegmentation().AddEmptySegment("other", "other")
    editor.setCurrentSegmentID("other")
    for mode, left in ((node.OverwriteNone, first.sum()), (node.OverwriteAllSegments, 0)):
        node.SetOverwriteMode(mode)
        desktop.mouse().click(at_voxel(volume, 20, 15, 10))
        assert organ().sum() == left


def test_a_closed_scene_ends_the_effect_and_a_new_one_can_be_edited(desktop, editor) -> None:
    effect = editor.activeEffect()

    desktop.close_scene()

    assert effect.self().events[-1] == "deactivate"
    assert editor.activeEffect() is None
    volume = add_volume(np.zeros((5, 6, 7), dtype=np.int16))
    segmentation = add_segmentation(volume)
    segmentation.GetSegmentation().AddEmptySegment("new")
    editor.setMRMLSegmentEditorNode(desktop.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    editor.setSegmentationNode(segmentation)
    editor.setSourceVolumeNode(volume)
    desktop.show(volume)
    editor.setActiveEffectByName("Dot")
    desktop.mouse().click(at_voxel(volume, 3, 3, 2))
    assert segment_array(segmentation, "new", volume).any()


def test_placing_a_markup_leaves_an_effect_that_does_not_care(desktop, editor) -> None:
    desktop.place("vtkMRMLMarkupsFiducialNode", [])

    assert editor.activeEffect() is None


def test_every_editor_has_its_own_clone(desktop, editor, volume, segmentation) -> None:
    other = desktop.open_editor(volume, segmentation)

    assert other.effectByName("Dot").self() is not editor.effectByName("Dot").self()
    assert type(other.effectByName("Dot").self()) is type(editor.effectByName("Dot").self())
    assert other.availableEffectNames() == ("Dot",)


def test_an_error_in_a_callback_is_not_lost(desktop, editor, volume, monkeypatch) -> None:
    def broken(*_):
        message = "broken"
        raise RuntimeError(message)

    monkeypatch.setattr(editor.activeEffect().self(), "processInteractionEvents", broken)
    desktop.mouse().click(at_voxel(volume, 20, 15, 10))

    assert desktop.errors
    assert {str(error) for error in desktop.errors} == {"broken"}
    desktop.errors.clear()


def test_an_effect_must_answer_events_with_a_bool(desktop, editor, volume, monkeypatch) -> None:
    monkeypatch.setattr(editor.activeEffect().self(), "processInteractionEvents", lambda *_: np.True_)
    desktop.mouse().move(at_voxel(volume, 20, 15, 10))

    assert {type(error) for error in desktop.errors} == {TypeError}
    desktop.errors.clear()
