"""What comes in between: other segments, other volumes, closed scenes, deleted nodes, a lost engine, late answers."""

from __future__ import annotations

import sys

import pytest
from Effects.prompt_case import CENTER


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


def test_after_a_closed_scene_the_effect_works_again(case, open_case) -> None:
    case.prompt()
    case.driver.close_scene()
    again = open_case()
    again.prompt()
    again.effect.apply()
    assert again.voxels().any()
