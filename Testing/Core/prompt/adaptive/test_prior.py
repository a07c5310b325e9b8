"""What prompts say about each block before anyone looks at the image."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.engine.run import Run
from MedSegAICore.prompt.adaptive.evidence import Enclosure, Evidence, Stroke
from MedSegAICore.prompt.adaptive.features import IntensityScale, compute_features
from MedSegAICore.prompt.adaptive.prior import FORBIDDEN_ODDS, build_prior
from MedSegAICore.prompt.adaptive.region import WorkRegion
from MedSegAICore.prompt.adaptive.settings import AdaptiveSettings

SHAPE = (5, 40, 40)
BOX = Enclosure(np.array([2.0, 20, 20]), np.eye(3)[:, [1, 2, 0]], np.array([8.0, 8, 0]), 0.5)


def prior_of(*strokes: Stroke):
    array = np.random.default_rng(0).normal(0, 1, SHAPE).astype(np.float32)
    region = WorkRegion.of_volume(array, np.ones(3), np.zeros(3), np.full(3, 99.0), 1.0, Run())
    features = compute_features(region, IntensityScale.of_sample(array.ravel()), 2.0, Run())
    return build_prior(Evidence((BOX,), strokes), region, features, AdaptiveSettings(), Run())


def click(column: float, positive: bool) -> Stroke:
    return Stroke(np.array([[2.0, 20, column]]), positive, depth_mm=2.0)


def test_a_box_shuts_out_what_lies_beyond_it_on_its_slice():
    lasting = prior_of().lasting
    assert lasting[2, 20, 29:].max() < FORBIDDEN_ODDS + 1
    assert lasting[2, 20, 13:27].min() > -1
    assert lasting[1, 20, 29] > lasting[2, 20, 29] + 4


def test_a_place_far_from_every_prompt_is_less_likely():
    lasting = prior_of().lasting
    assert lasting[2, 20, 20] > lasting[0, 20, 20] > lasting[0, 20, 39]


@pytest.mark.parametrize("positive", [True, False])
def test_clicks_of_one_kind_say_something_about_every_place(positive):
    far = (0, 38, 38)
    none, one, three = (prior_of(*[click(18 + n, positive) for n in range(count)]).lasting[far] for count in (0, 1, 3))
    assert (none < one < three) if positive else (none > one > three)


def test_clicks_of_both_kinds_balance():
    far = (0, 38, 38)
    assert prior_of(click(18, True), click(24, False)).lasting[far] == pytest.approx(prior_of().lasting[far])


def test_a_stroke_fixes_its_block_and_sways_its_neighbours():
    prior = prior_of(click(24, False))
    assert prior.seeds.fixed[2, 20, 24]
    assert not prior.seeds.inside[2, 20, 24]
    assert np.count_nonzero(prior.seeds.fixed) == 1
    assert prior.lasting[2, 20, 25] < prior_of().lasting[2, 20, 25] - 1
