"""The calibration error: against monai, against a loop over voxels, and where it looks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.errors import GeometryMismatch, InvalidImage
from MedSegAICore.evaluation.metrics.calibration import expected_calibration_error
from monai.metrics import CalibrationErrorMetric


def by_hand(probability, truth, spacing, margin, bins):
    """Return the error voxel by voxel, over all that lie in the dilated box."""
    used = np.argwhere(truth)
    members = {n: [] for n in range(bins)}
    for voxel in np.ndindex(truth.shape):
        away = [max(low - n, n - high, 0) for n, low, high in zip(voxel, used.min(0), used.max(0), strict=True)]
        if any(n > np.ceil(margin / mm) for n, mm in zip(away, spacing, strict=True)):
            continue
        p = probability[voxel]
        chosen = next(n for n in range(bins) if p <= (n + 1) / bins)
        members[chosen].append((p, truth[voxel]))
    total = sum(len(member) for member in members.values())
    gaps = [abs(np.mean([p for p, _ in m]) - np.mean([y for _, y in m])) * len(m) for m in members.values() if m]
    return sum(gaps) / total


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_it_is_what_a_loop_over_voxels_gives(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(3, 9, size=3))
    probability = np.round(rng.random(shape), rng.integers(1, 5))  # often exactly on the edge of a bin
    truth = np.zeros(shape, bool)
    truth[tuple(rng.integers(n) for n in shape)] = True
    truth |= rng.random(shape) < 0.02
    spacing, margin, bins = rng.uniform(0.5, 3, 3), rng.uniform(0, 6), int(rng.integers(1, 12))
    ours = expected_calibration_error(probability, truth, spacing, margin=margin, bins=bins)
    assert ours == pytest.approx(by_hand(probability, truth, spacing, margin, bins), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_monais_when_the_box_is_the_whole_image(seed):
    rng = np.random.default_rng(seed)
    probability = rng.random((6, 7, 8)).astype(np.float32)
    truth = rng.random((6, 7, 8)) < probability**2
    metric = CalibrationErrorMetric(num_bins=20, calibration_reduction="expected")
    theirs = metric(*(torch.from_numpy(a[None, None].astype(np.float32)) for a in (probability, truth))).item()
    ours = expected_calibration_error(probability, truth, None, margin=100)
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_a_probability_that_keeps_its_word_is_perfect():
    probability = np.full((10, 10, 10), 0.3)
    truth = np.arange(1000).reshape(10, 10, 10) % 10 < 3
    assert expected_calibration_error(probability, truth, None) == pytest.approx(0, abs=1e-12)
    assert expected_calibration_error(1 - probability, truth, None) == pytest.approx(0.4)


def test_background_far_away_hides_nothing():
    truth = np.zeros((4, 20, 20), bool)
    truth[1:3, 8:12, 8:12] = True
    probability = np.where(truth, 0.6, 0.1)
    near = expected_calibration_error(probability, truth, (3.0, 1.0, 1.0), margin=4.0)
    wide = [np.pad(array, ((5, 5), (50, 50), (50, 50))) for array in (probability, truth)]
    assert (
        expected_calibration_error(*wide, (3.0, 1.0, 1.0), margin=4.0) < near
    )  # two more empty slices below and above
    assert expected_calibration_error(*wide, (4.0, 1.0, 1.0), margin=4.0) == pytest.approx(near)


def test_without_a_structure_the_whole_image_counts():
    probability = np.zeros((4, 5, 6))
    assert expected_calibration_error(probability, probability, None) == 0.0
    probability[0] = 0.8
    assert expected_calibration_error(probability, np.zeros((4, 5, 6)), None) == pytest.approx(0.2)


@pytest.mark.parametrize("value", [1.2, -0.1, np.nan])
def test_what_is_no_probability_is_refused(value):
    with pytest.raises(InvalidImage, match="between 0 and 1"):
        expected_calibration_error(np.full((3, 3, 3), value), np.ones((3, 3, 3)), None)


def test_another_shape_is_refused():
    with pytest.raises(GeometryMismatch, match=r"\(3, 3, 4\)"):
        expected_calibration_error(np.zeros((3, 3, 3)), np.zeros((3, 3, 4)), None)
