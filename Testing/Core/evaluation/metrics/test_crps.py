"""The score of a volume against several raters' volumes: closed form against the integral that defines it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.errors import InvalidRequest
from MedSegAICore.evaluation.metrics.crps import gaussian_crps, volume_crps
from scipy.special import ndtr


def integral(mean, deviation, value):
    """Integrate the definition on both sides of the step with the trapezoid rule."""
    low, high = min(mean - 12 * deviation, value), max(mean + 12 * deviation, value)
    below, above = np.linspace(low, value, 200_001), np.linspace(value, high, 200_001)
    return np.trapezoid(ndtr((below - mean) / deviation) ** 2, below) + np.trapezoid(
        (ndtr((above - mean) / deviation) - 1) ** 2, above
    )


@given(mean=st.floats(0, 500), deviation=st.floats(0.5, 80), off=st.floats(-8, 8))
@settings(max_examples=40, deadline=None)
def test_the_closed_form_is_the_integral(mean, deviation, off):
    value = mean + off * deviation
    assert gaussian_crps(mean, deviation, value) == pytest.approx(integral(mean, deviation, value), rel=1e-5)


def test_without_deviation_it_is_the_absolute_error():
    assert gaussian_crps(20.0, 0.0, 17.5) == 2.5
    assert gaussian_crps(20.0, 1e-9, 17.5) == pytest.approx(2.5)
    assert volume_crps(17.5, [20.0]) == 2.5
    assert volume_crps(17.5, [20.0, 20.0, 20.0]) == 2.5
    assert volume_crps(20.0, [20.0, 20.0]) == 0.0


def test_raters_are_a_gaussian_with_their_mean_and_population_deviation():
    volumes = [11.0, 14.0, 20.0]
    assert volume_crps(16.0, volumes) == pytest.approx(integral(np.mean(volumes), np.std(volumes), 16.0), rel=1e-5)


def test_the_mean_of_the_raters_scores_best():
    volumes = [11.0, 14.0, 20.0]
    scores = {predicted: volume_crps(predicted, volumes) for predicted in (5.0, 12.0, 15.0, 18.0, 40.0)}
    assert min(scores, key=scores.get) == 15.0


def test_no_rater_is_refused():
    with pytest.raises(InvalidRequest, match="rater"):
        volume_crps(3.0, [])
