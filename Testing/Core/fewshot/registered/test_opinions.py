"""How what is expected and what is seen become one probability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from MedSegAICore.fewshot.registered.opinions import PAIR, PRIOR_SHARE, decided, pooled
from scipy.special import logit

SOME = arrays(np.float32, (2, 5), elements=st.floats(0, 1, width=32))


@given(SOME, SOME, st.floats(0, 1))
def test_two_opinions_together_lie_between_them(one, other, share):
    together = logit(pooled(one, other, share, 0.01))
    odds = [logit(np.clip(opinion, 0.01, 0.99)) for opinion in (one, other)]
    assert (together >= np.minimum(*odds) - 1e-3).all()
    assert (together <= np.maximum(*odds) + 1e-3).all()


def test_what_is_all_but_impossible_in_one_opinion_stays_unlikely_in_both():
    together = pooled(np.float32([0.9]), np.float32([0.0]), 0.5, 1e-4)
    assert together[0] < 0.05


@pytest.mark.parametrize("examples", [1, PAIR, 3, 5])
def test_all_probabilities_add_up_to_one_at_most(examples):
    rng = np.random.default_rng(0)
    prior = rng.dirichlet(np.ones(4), (6, 7)).transpose(2, 0, 1)[:3].astype(np.float32)
    region = prior.sum(axis=0) > 0.5
    classified = rng.dirichlet(np.ones(4), int(region.sum())).astype(np.float32)
    answer = decided(prior, region, classified, examples)
    assert answer.shape == (3, region.sum())
    assert answer.min() >= 0
    assert answer.sum(axis=0).max() <= 1 + 1e-5


def test_one_or_many_examples_are_weighed_evenly_and_two_by_their_odds():
    prior = np.zeros((1, 9, 9), np.float32)
    prior[0, 2:7, 2:7] = 1
    region = np.ones((9, 9), bool)
    sees_nothing = np.tile(np.float32([0.9, 0.1]), (81, 1))
    for examples in (1, 3):
        even = decided(prior, region, sees_nothing, examples).reshape(9, 9)
        assert even[4, 4] == pytest.approx(PRIOR_SHARE + (1 - PRIOR_SHARE) * 0.1)
    by_odds = decided(prior, region, sees_nothing, PAIR).reshape(9, 9)
    assert by_odds[4, 4] > by_odds[2, 2] > by_odds[0, 0]  # a mask of two registrations is not trusted at its edge
