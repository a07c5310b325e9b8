"""Resizing bilinearly gives what torch gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from MedSegAICore.prompt.linear_resize import resize_linear
from torch.nn import functional


@pytest.mark.parametrize(
    ("old", "new"), [((30, 47), (64, 64)), ((97, 120), (64, 64)), ((20, 90), (40, 40)), ((1, 5), (7, 7))]
)
def test_the_values_are_those_of_torch(old, new):
    levels = np.random.default_rng(0).integers(0, 256, (*old, 3), dtype=np.uint8)
    tensor = torch.from_numpy(levels).permute(2, 0, 1)[None].float()
    expected = functional.interpolate(tensor, new, mode="bilinear")[0].permute(1, 2, 0).numpy()
    resized = resize_linear(levels, new)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, expected, atol=2e-3)


def test_resizing_to_the_same_size_changes_nothing():
    levels = np.random.default_rng(0).integers(0, 256, (20, 30, 1), dtype=np.uint8)
    assert np.array_equal(resize_linear(levels, (20, 30)), levels)
