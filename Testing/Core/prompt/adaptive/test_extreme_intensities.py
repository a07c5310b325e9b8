"""Images in units that nobody expects."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from MedSegAICore import Engine, ImageVolume, PointPrompt, PromptTask, SegmentationRequest, VolumeGeometry

SHAPE = (12, 20, 20)
INSIDE = np.s_[3:9, 5:14, 5:14]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-30, 1e36, 3e38])
def test_the_unit_of_the_intensities_makes_no_difference(kind, scale):
    array = np.random.default_rng(0).normal(0, 0.05, SHAPE)
    array[INSIDE] += 0.5
    geometry = VolumeGeometry.from_components(SHAPE, (1.0, 1.0, 1.0))
    image = ImageVolume((np.clip(array, -1, 1) * scale).astype(kind), geometry)
    click = PointPrompt(geometry.to_ras(np.array([9.0, 9.0, 6.0]))[0], positive=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Engine().segment(SegmentationRequest(image, PromptTask((click,)))).mask.full()
    truth = np.zeros(SHAPE, np.bool_)
    truth[INSIDE] = True
    assert np.count_nonzero(found != truth) < 0.05 * np.count_nonzero(truth)
