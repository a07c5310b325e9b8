"""Means, intervals and paired comparisons."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.evaluation.statistics import mean_with_interval, paired_difference

cases = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6)), min_size=1, max_size=25)
quick = settings(max_examples=40, deadline=None)


@quick
@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_the_cases_changes_nothing(drawn, random):
    shuffled = random.sample(drawn, len(drawn))
    first, second = (mean_with_interval(*zip(*some, strict=True)) for some in (drawn, shuffled))
    assert repr(first) == repr(second)


@quick
@given(cases)
def test_a_case_that_fails_changes_the_mean_as_arithmetic_says(drawn):
    values, subjects = zip(*drawn, strict=True)
    before = mean_with_interval(values, subjects)
    after = mean_with_interval([*values, 0.0], [*subjects, 99])
    assert after.cases == before.cases + 1
    assert after.subjects == before.subjects + 1
    assert after.mean == pytest.approx(before.mean * before.cases / (before.cases + 1), abs=1e-12)


@quick
@given(cases)
def test_the_interval_holds_the_range_of_the_subjects_means(drawn):
    values, subjects = zip(*drawn, strict=True)
    estimate = mean_with_interval(values, subjects)
    if len(set(subjects)) < 3:
        assert math.isnan(estimate.lower)
        assert math.isnan(estimate.upper)
    else:
        assert min(values) - 1e-12 <= estimate.lower <= estimate.upper <= max(values) + 1e-12


def test_many_structures_of_one_subject_are_one_observation():
    values = np.random.default_rng(0).normal(0.8, 0.1, 8)
    once = mean_with_interval(values.tolist(), list(range(8)))
    copied = mean_with_interval(np.repeat(values, 10).tolist(), np.repeat(range(8), 10).tolist())
    assert (copied.lower, copied.upper) == pytest.approx((once.lower, once.upper))
    as_if_independent = mean_with_interval(np.repeat(values, 10).tolist(), list(range(80)))
    assert as_if_independent.upper - as_if_independent.lower < 0.5 * (copied.upper - copied.lower)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(120):
        effect = random.normal(0, 1, 25)  # a subject's cases share their subject's effect
        values = (effect[:, None] + random.normal(0, 0.2, (25, 4))).ravel()
        estimate = mean_with_interval(values.tolist(), np.repeat(range(25), 4).tolist())
        inside += estimate.lower <= 0 <= estimate.upper
    assert 0.87 <= inside / 120 <= 0.99


def test_the_same_seed_gives_the_same_interval_and_another_one_a_like_one():
    values, subjects = np.random.default_rng(0).random(9).tolist(), list(range(9))
    first, again, other = (mean_with_interval(values, subjects, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert other.lower == pytest.approx(first.lower, abs=0.05)


def test_no_case_has_no_mean():
    assert math.isnan(mean_with_interval([], []).mean)


@pytest.mark.parametrize(("higher_is_better", "expected"), [(True, 1.0), (False, 0.0)])
def test_better_means_the_right_direction(higher_is_better, expected):
    found = paired_difference([0.9, 0.8, 0.7], [0.8, 0.7, 0.6], [1, 2, 3], higher_is_better)
    assert found.difference.mean == pytest.approx(0.1)
    assert found.probability_better == expected


def test_equal_methods_are_better_half_the_time():
    found = paired_difference([0.3, 0.8, 0.5], [0.3, 0.8, 0.5], [1, 2, 3], True)
    assert found.probability_better == 0.5
    assert (found.difference.lower, found.difference.upper) == (0.0, 0.0)


def test_where_both_sides_of_zero_are_worse_the_distance_from_zero_counts():
    found = paired_difference([-1.0, 1.0, 1.0], [5.0, -5.0, 5.0], [1, 2, 3], None)
    assert found.difference.mean == -4.0
    assert found.probability_better == 1.0


@pytest.mark.parametrize("subjects", ["aaaa", "aabb"])
def test_one_or_two_subjects_say_nothing_about_others(subjects):
    found = paired_difference([0.9, 0.8, 0.9, 0.8], [0.1, 0.2, 0.1, 0.2], subjects, True)
    assert found.difference.mean == pytest.approx(0.7)
    assert found.difference.subjects == len(set(subjects))
    assert math.isnan(found.difference.lower)
    assert math.isnan(found.probability_better)


def test_pairing_sees_what_single_means_cannot():
    hard = np.linspace(0.2, 0.9, 12)
    first, second, subjects = (hard + 0.02).tolist(), hard.tolist(), list(range(12))
    alone = mean_with_interval(first, subjects)
    assert alone.lower < np.mean(second) < alone.upper
    assert paired_difference(first, second, subjects, True).difference.lower == pytest.approx(0.02)
