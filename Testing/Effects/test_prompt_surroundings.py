"""What is around the effect and only the host can play: answers to Slicer's own dialogs."""

from __future__ import annotations

from Effects.prompt_case import CENTER


def test_a_hidden_segment_is_asked_about_before_it_is_changed(case, monkeypatch) -> None:
    effect, asked = case.effect.scriptedEffect, []
    monkeypatch.setattr(
        type(effect), "confirmCurrentSegmentVisible", lambda self: asked.append(1) or self.NotConfirmed, raising=False
    )
    case.click(CENTER)
    assert asked
    assert case.session.promptCount == 0
