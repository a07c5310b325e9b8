"""The host treats effects as the desktop does; what they do there is in `Slicer.editor_scenarios`."""

from __future__ import annotations

import numpy as np
import pytest
from Host.nodes import add_segmentation, add_volume, segment_array
from Slicer.editor_case import EditorCase


@pytest.fixture
def case(desktop):
    return EditorCase(desktop)


def test_placing_a_markup_leaves_an_effect_that_does_not_care(desktop, case) -> None:
    desktop.place("vtkMRMLMarkupsFiducialNode", [])

    assert case.editor.activeEffect() is None


def test_an_effect_that_cares_stays_while_a_markup_is_placed(desktop, case) -> None:
    heard = []
    case.effect.self().interactionNodeModified = heard.append

    desktop.place("vtkMRMLMarkupsFiducialNode", [])

    assert case.effect is not None
    assert len(heard) == 2


def test_after_a_closed_scene_a_new_one_can_be_edited(desktop, case) -> None:
    desktop.close_scene()
    volume = add_volume(np.zeros((5, 6, 7), dtype=np.int16))
    segmentation = add_segmentation(volume)
    segmentation.GetSegmentation().AddEmptySegment("new")
    case.editor.setMRMLSegmentEditorNode(desktop.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    case.editor.setSegmentationNode(segmentation)
    case.editor.setSourceVolumeNode(volume)
    desktop.show(volume)
    case.editor.setActiveEffectByName("Dot")

    case.click((3, 3, 2))

    assert segment_array(segmentation, "new", volume)[2, 3, 3]


def test_an_event_that_an_effect_keeps_goes_no_further(desktop, case) -> None:
    before = desktop.view().mrmlSliceNode().GetXYZOrigin()
    desktop.mouse().drag([(200, 200), (250, 200)], "shift")
    assert desktop.view().mrmlSliceNode().GetXYZOrigin() == before

    case.editor.setActiveEffectByName("")
    desktop.mouse().drag([(200, 200), (250, 200)], "shift")
    assert desktop.view().mrmlSliceNode().GetXYZOrigin() != before


def test_keys_reach_the_effect(desktop, case, monkeypatch) -> None:
    heard = []
    monkeypatch.setattr(
        case.effect.self(),
        "processInteractionEvents",
        lambda interactor, _event, _view: heard.append((interactor.GetKeySym(), interactor.GetControlKey())) or False,
    )

    desktop.mouse().key("z", "control")

    assert ("z", 1) in heard


def test_node_references_and_numbers_are_kept_in_the_scene(case) -> None:
    effect = case.effect
    effect.setNodeReference("Prompts", case.volume)
    effect.setParameter("Weight", 0.25)
    effect.setCommonParameter("Shared", "yes")

    assert effect.nodeReference("Prompts") is case.volume
    assert effect.doubleParameter("Weight") == 0.25
    assert effect.parameter("Shared") == "yes"
    assert not effect.parameterDefined("Shared")
    assert case.node.GetAttribute("Dot.Weight") == "0.25"
    with pytest.raises(ValueError, match="Weight"):
        effect.setParameter("Weight", [1])


def test_an_error_in_a_callback_is_not_lost(desktop, case, monkeypatch) -> None:
    def broken(*_) -> None:
        message = "broken"
        raise RuntimeError(message)

    monkeypatch.setattr(case.effect.self(), "processInteractionEvents", broken)
    case.click()

    assert {str(error) for error in desktop.errors} == {"broken"}
    desktop.errors.clear()


def test_an_effect_must_answer_events_with_a_bool(desktop, case, monkeypatch) -> None:
    monkeypatch.setattr(case.effect.self(), "processInteractionEvents", lambda *_: np.True_)
    case.click()

    assert {type(error) for error in desktop.errors} == {TypeError}
    desktop.errors.clear()
