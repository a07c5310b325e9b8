"""Times that are foretold, and what is left of them."""

from __future__ import annotations

import pytest
from MedSegAICore.engine.run import Run
from MedSegAICore.incontext import passes
from MedSegAICore.incontext.passes import Countdown, passes_of, predicted_seconds
from MedSegAICore.request import ContextOptions

ONCE = ContextOptions()


def test_every_option_says_how_often_the_network_is_asked():
    assert passes_of(ONCE, 100) == 100
    assert passes_of(ContextOptions(subsets=3, augmentations=2, second_pass=True), 100, 4) == 100 * 4 * 3 * 3 * 2


def test_a_volume_is_foretold_from_one_slice():
    assert predicted_seconds(0.5, ONCE, ONCE, 100) == pytest.approx(50)
    assert predicted_seconds(0.5, ONCE, ContextOptions(subsets=4), 100) == pytest.approx(200)
    assert predicted_seconds(0.5, ONCE, ContextOptions(supports=32), 100) == pytest.approx(100)
    assert predicted_seconds(0.5, ContextOptions(subsets=2), ONCE, 100, 3) == pytest.approx(25)


def test_a_long_run_says_how_long_it_still_takes(monkeypatch):
    clock = iter(range(20, 1000, 20))
    monkeypatch.setattr(passes.time, "monotonic", lambda: next(clock))
    said = []
    countdown = Countdown(4, began=0)
    for _ in range(4):
        countdown.one(Run(lambda fraction, words: said.append((fraction, words))))
    assert said[0] == (0.25, "Looking at slices, about 60 s left")
    assert said[-1] == (1.0, "Looking at slices")
