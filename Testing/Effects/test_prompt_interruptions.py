"""What comes in between: other segments, other volumes, closed scenes, deleted nodes, a lost engine, late answers."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest
import slicer
from Effects.prompt_case import CENTER, GREEN, GRID
from Host.nodes import add_volume


class HeldEngine:
    """An engine that answers when, and in the order that, a test says."""

    def __init__(self, engine):
        self._engine, self.questions = engine, []

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def segment(self, request, onResult, *_others):
        self.questions.append((request, onResult))
        return -len(self.questions)

    def cancel(self, ticket):
        """Hear nothing: the worst engine answers what was cancelled."""

    def answer(self, index):
        request, onResult = self.questions[index]
        return self._engine.segment(request, onResult, onResult)


@pytest.fixture
def held_engine(registered, real_engine, monkeypatch):
    engine = HeldEngine(real_engine)
    monkeypatch.setattr(sys.modules["MedSegAIEffects.AIPromptEffect"], "applicationEngine", lambda: engine)
    return engine


def test_of_two_quick_prompts_the_newer_counts_though_the_older_is_answered_last(held_engine, open_case) -> None:
    case = open_case()
    case.click(CENTER)
    case.click((20, 80, 10))
    assert len(held_engine.questions) == 2

    held_engine.answer(1)
    case.wait()
    newest = case.shown()
    held_engine.answer(0)
    case.pause(0.5)

    assert case.shown() == pytest.approx(newest, rel=0.01)
    (answer,) = case.session._work.answers.values()
    assert len(answer.task.prompts) == 2


def test_another_segment_gets_nothing_and_what_was_found_waits(case) -> None:
    case.prompt()
    seen = case.shown()
    case.editor.setCurrentSegmentID("other")
    assert case.shown() == 0
    assert case.session.promptCount == 0
    assert not case.session.canApply

    case.editor.setCurrentSegmentID("organ")
    assert case.session.promptCount == 1
    assert case.shown() == pytest.approx(seen, rel=0.5)
    case.effect.apply()
    assert case.voxels().any()
    assert not case.voxels("other").any()


def test_an_answer_finds_its_segment_after_the_user_went_on(case) -> None:
    case.click(CENTER)
    case.editor.setCurrentSegmentID("other")
    case.wait()
    assert not case.session.canApply
    assert case.shown() == 0
    case.editor.setCurrentSegmentID("organ")
    assert case.session.canApply


def test_another_volume_has_prompts_and_answers_of_its_own(case) -> None:
    case.click(CENTER)
    second = add_volume(np.zeros((20, 96, 96), np.int16), GRID, "MR")
    case.editor.setSourceVolumeNode(second)
    case.wait()
    assert not case.session.canApply
    case.editor.setSourceVolumeNode(case.volume)
    assert case.session.canApply


def test_changed_voxels_drop_answers_and_keep_prompts(case) -> None:
    case.prompt()
    slicer.util.arrayFromVolume(case.volume)[10] += 5
    slicer.util.arrayFromVolumeModified(case.volume)
    case.pause(0.1)
    assert not case.session.canApply
    assert case.shown() == 0
    assert case.session.promptCount == 1
    assert "changed" in case.ui.runStatusLabel.text
    case.prompt((45, 50, 10))
    assert case.session.canApply


@pytest.mark.parametrize("what", ["segmentation", "volume"])
def test_a_node_that_is_deleted_during_a_run_ends_it_quietly(case, what) -> None:
    case.click(CENTER)
    slicer.mrmlScene.RemoveNode(getattr(case, what))
    case.wait()
    case.pause(0.2)
    assert not case.session.canApply
    assert case.driver.picture().shape
    case.effect.apply()
    visible = [node for node in slicer.util.getNodesByClass("vtkMRMLMarkupsNode") if node.GetDisplayVisibility()]
    assert visible == []


def test_a_segment_that_is_deleted_during_a_run_ends_it_quietly(case) -> None:
    case.click(CENTER)
    case.segmentation.GetSegmentation().RemoveSegment("organ")
    case.wait()
    case.effect.apply()
    assert not case.voxels("other").any()


def test_a_scene_that_is_closed_during_a_run_leaves_nothing_behind(case) -> None:
    case.click(CENTER)
    case.driver.close_scene()
    case.pause(0.5)
    assert not case.session.runs.isRunning
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsNode") == []
    assert not case.session.previews.isShown


def test_after_a_closed_scene_the_effect_works_again(case, open_case) -> None:
    case.prompt()
    case.driver.close_scene()
    again = open_case()
    again.prompt()
    again.effect.apply()
    assert again.voxels().any()


def test_a_killed_engine_is_told_and_the_next_click_works(case, real_engine, wait) -> None:
    heard = []
    real_engine.start(heard.append)
    wait(lambda: heard)
    case.prompt()
    os.kill(heard[0]["pid"], signal.SIGKILL)
    case.click((45, 50, 10))
    case.wait()
    assert "engine process" in case.ui.runStatusLabel.text
    assert case.session.promptCount == 2

    case.prompt((40, 45, 10))
    assert case.session.canApply
    case.effect.apply()
    assert case.voxels().any()


def test_cancel_stops_and_keeps_prompts(case) -> None:
    case.prompt()
    case.ui.propagateButton.click()
    assert case.ui.cancelRunButton.enabled
    case.ui.cancelRunButton.click()
    assert not case.session.runs.isRunning
    case.pause(0.5)
    assert list(case.session._work.answers) != ["volume"]
    assert case.session.promptCount == 1
    assert "Cancelled" in case.ui.runStatusLabel.text


def test_leaving_the_effect_clears_the_views_and_coming_back_shows_the_preview_again(case) -> None:
    case.prompt()
    case.editor.setActiveEffectByName("")
    assert case.driver.picture().shape
    assert not case.session.previews.isShown
    case.editor.setActiveEffectByName("AI Prompt")
    assert case.shown(color=GREEN) > 0.02


def test_a_click_that_is_refused_is_explained(case) -> None:
    case.prompt(CENTER, "control")
    assert "inside" in case.ui.runStatusLabel.text
    assert not case.session.canApply


def test_a_bending_transform_is_refused_in_words(case) -> None:
    from Host.nodes import add_bending_transform, put_under

    put_under(case.volume, add_bending_transform())
    case.prompt()
    assert "Harden" in case.ui.runStatusLabel.text


def test_the_application_never_opens_a_network_library(case) -> None:
    case.prompt()
    case.ui.propagateButton.click()
    case.wait()
    case.effect.apply()
    assert not {"torch", "monai", "segment_anything"} & {name.split(".")[0] for name in sys.modules}
