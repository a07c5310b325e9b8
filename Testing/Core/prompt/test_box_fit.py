"""An answer to a box is as long and wide as the box."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.prompt.box_fit import LEVELS, filling


def cone(shape=(60, 80), middle=(30, 40)):
    """Logits that fall from 2 in the middle by 0.2 for each pixel."""
    rows, columns = np.indices(shape)
    return (2 - 0.2 * np.hypot(rows - middle[0], columns - middle[1])).astype(np.float32)


def extent(logits):
    rows, columns = np.nonzero(logits > 0)
    return [columns.min(), rows.min(), columns.max(), rows.max()]


@pytest.mark.parametrize("radius", [4, 10, 15, 20])
def test_what_is_found_becomes_as_long_and_wide_as_the_box(radius):
    box = np.array([40 - radius, 30 - radius, 40 + radius, 30 + radius], np.float64)
    np.testing.assert_allclose(extent(filling(cone(), box)), box, atol=1)


def test_an_answer_that_fits_stays():
    logits = cone()
    box = np.array(extent(logits), np.float64)
    assert np.array_equal(filling(logits, box), logits)


def test_a_box_far_from_all_that_can_be_is_not_followed_far():
    logits = cone()
    box = np.array([0, 0, 3, 3], np.float64)
    moved = filling(logits, box)
    assert LEVELS.min() <= float((logits - moved).mean()) <= LEVELS.max()
    assert np.ptp(logits - moved) < 1e-6


def test_nothing_becomes_nothing():
    logits = np.full((9, 9), -12, np.float32)
    assert np.array_equal(filling(logits, np.array([2.0, 2, 6, 6])), logits)
