"""Sources are mixed by their weights."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.errors import InvalidRequest
from MedSegAICore.training.example import Example
from MedSegAICore.training.mixture import MixedSource


class Even:
    """Gives pictures of one value."""

    def __init__(self, value):
        self._value = value

    def draw(self, size, chance):
        mask = np.zeros((size, size), np.bool_)
        mask[:4, : 4 + int(chance.integers(3))] = True
        return Example(np.full((size, size), self._value, np.float32), mask)


def test_each_source_is_drawn_as_often_as_its_weight_says():
    mixed = MixedSource([(Even(1), 3), (Even(2), 1)])
    values = [mixed.draw(8, np.random.default_rng(seed)).image[0, 0] for seed in range(400)]
    assert np.mean(np.equal(values, 1)) == pytest.approx(0.75, abs=0.07)


def test_the_same_chance_gives_the_same_example():
    mixed = MixedSource([(Even(1), 1), (Even(2), 1)])
    one, again = (mixed.draw(8, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.image, again.image)
    assert np.array_equal(one.mask, again.mask)


@pytest.mark.parametrize("sources", [[], [(Even(1), 1), (Even(2), 0)], [(Even(1), -1)]])
def test_weights_must_be_above_0(sources):
    with pytest.raises(InvalidRequest, match="weights"):
        MixedSource(sources)
