from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.fewshot.registered.grids import unit_scaled


@pytest.mark.parametrize("factor", [1.0, 1e300, 1e-300])
@pytest.mark.parametrize("offset", [0.0, -1.5])
def test_intensities_of_any_size_come_onto_one_scale(factor, offset):
    array = (np.array([-1.0, 0.0, 0.5, 1.0, 2.0]) + offset) * factor
    scaled = unit_scaled(array, offset * factor, (1 + offset) * factor)
    assert scaled.dtype == np.float32
    assert scaled.tolist() == pytest.approx([0, 0, 0.5, 1, 1])


def test_a_small_range_far_from_zero_keeps_its_steps():
    array = 1e9 + np.linspace(0, 1, 5)
    assert unit_scaled(array, array[0], array[-1]).tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_a_range_as_wide_as_numbers_go_is_scaled():
    widest = np.finfo(np.float64).max
    assert unit_scaled(np.array([-widest, 0, widest]), -widest, widest).tolist() == pytest.approx([0, 0.5, 1])
