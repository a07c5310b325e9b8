"""How well each example is segmented by the others."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.senet import example_of
from MedSegAICore.engine.run import Run


def test_examples_tell_how_well_each_is_segmented_by_the_others(learner):
    examples = [example_of(seed, labels=("liver", "spleen")) for seed in range(3)]
    assert learner.fit(examples[:1], Run()).leave_one_out == {}
    scores = learner.fit(examples, Run()).leave_one_out
    assert {label: len(values) for label, values in scores.items()} == {"liver": 3, "spleen": 3}
    others = learner.fit(examples[1:], Run()).segment(examples[0].image, Run()).probabilities
    shares = np.stack([patch.full() for patch in others.values()])
    winner = np.argmax([1 - shares.sum(axis=0), *shares], axis=0)
    for value, (label, mask) in enumerate(examples[0].masks.items(), start=1):
        truth = mask.full()
        dice = 2 * ((winner == value) & truth)[1:].sum() / ((winner == value)[1:].sum() + truth.sum())
        assert scores[label][0] == pytest.approx(dice)
