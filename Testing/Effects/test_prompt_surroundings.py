"""The effect and what is around it: masking, overwriting, hidden segments, transforms, oblique views, saved scenes."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from Effects.prompt_case import CENTER
from Host.nodes import segment_array

SLICE = np.s_[10]
TURNED = [[0.8, -0.6, 0, 12], [0.6, 0.8, 0, -7], [0, 0, 1, 5], [0, 0, 0, 1.0]]


def test_a_hidden_segment_is_asked_about_before_it_is_changed(case, monkeypatch) -> None:
    effect, asked = case.effect.scriptedEffect, []
    monkeypatch.setattr(
        type(effect), "confirmCurrentSegmentVisible", lambda self: asked.append(1) or self.NotConfirmed, raising=False
    )
    case.click(CENTER)
    assert asked
    assert case.session.promptCount == 0


@pytest.mark.parametrize("transform", [TURNED])
def test_under_a_parent_transform_the_right_voxels_are_shown_and_written(open_case, transform) -> None:
    case = open_case(transform=transform)
    case.box()
    assert case.shown() > 0.03
    case.effect.apply()
    assert case.overlap(where=SLICE) > 0.75  # the box of a turned view is larger than the ball


@pytest.mark.parametrize(("index", "kept"), [(1, True), (2, True)])
def test_adding_and_removing_keep_the_rest_of_the_slice(case, index, kept) -> None:
    case.fill("organ", np.s_[10:11, 0:60, 0:60])
    before = case.voxels()
    case.ui.modeSelector.currentIndex = index
    case.box()
    case.effect.apply()
    assert case.voxels()[10, 0:10, 0:10].all() == kept
    assert (case.voxels().sum() > before.sum()) == (index == 1)


def test_a_saved_scene_brings_prompts_and_options_back(case, tmp_path) -> None:
    case.ui.thresholdSlider.value = 0.4
    case.prompt()
    case.prompt((55, 50, 10), "control")
    before = case.prompts()
    bundle = str(tmp_path / "work.mrb")
    assert case.driver.scene.WriteToMRB(bundle)
    case.driver.close_scene()
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsNode") == []

    assert case.driver.scene.ReadFromMRB(bundle)
    volume, segmentation = slicer.util.getNode("CT"), slicer.util.getNode("Segmentation")
    editor = case.driver.open_editor(volume, segmentation, "organ")
    editor.setActiveEffectByName("AI Prompt")
    session = editor.activeEffect().self().session

    after = session.store.prompts(case_geometry(volume))
    assert [prompt.positive for prompt in after] == [True, False]
    np.testing.assert_allclose(
        [prompt.position_ras for prompt in after], [prompt.position_ras for prompt in before], atol=1e-3
    )
    session.propagate()
    case.wait(lambda: not session.runs.isRunning)
    assert session.canApply


def test_a_restored_point_asks_when_it_is_dragged(case, tmp_path) -> None:
    case.prompt()
    bundle = str(tmp_path / "work.mrb")
    assert case.driver.scene.WriteToMRB(bundle)
    case.driver.close_scene()
    assert case.driver.scene.ReadFromMRB(bundle)
    session = reopened(case, looking_at=(10, 10, 2))
    case.pause(0.5)
    assert not session.isBusy
    assert not session.canApply
    case.look_at(CENTER)

    (node,) = session.store.nodes()
    node.SetNthControlPointPositionWorld(0, case.at((46, 55, 10)))
    node.InvokeEvent(node.PointEndInteractionEvent)

    case.wait(lambda: session.canApply)
    assert session.promptCount == 1


def case_geometry(volume):
    from MedSegAILib.mrml.volumes import volumeGeometry

    return volumeGeometry(volume)


def test_a_restored_scene_shows_its_previews_at_once(case, tmp_path) -> None:
    case.prompt()
    case.look_at((40, 50, 13))
    case.ui.lassoToolButton.click()
    case.drag([(28, 38, 13), (52, 38, 13), (52, 62, 13), (28, 62, 13)])
    case.wait()
    bundle = str(tmp_path / "work.mrb")
    assert case.driver.scene.WriteToMRB(bundle)
    case.driver.close_scene()
    assert case.driver.scene.ReadFromMRB(bundle)
    session = reopened(case, looking_at=CENTER)

    case.wait(lambda: session.canApply and not session.isBusy)

    assert session.previews.isShown
    assert session.apply()
    written = segment_array(slicer.util.getNode("Segmentation"), "organ", slicer.util.getNode("CT"))
    assert list(np.flatnonzero(written.any(axis=(1, 2)))) == [10, 13]


def reopened(case, looking_at):
    """Open a restored scene in a new editor, the effect active, with a voxel in view; return the session."""
    editor = case.driver.open_editor(slicer.util.getNode("CT"), slicer.util.getNode("Segmentation"), "organ")
    case.look_at(looking_at)
    editor.setActiveEffectByName("AI Prompt")
    return editor.activeEffect().self().session
