from __future__ import annotations

import numpy as np
import pytest
from fakes.requests import a_volume
from MedSegAICore import GeometryMismatch, InvalidSupport, Support
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.volume import VolumePatch

IMAGE = a_volume()


def test_a_support_holds_an_image_and_the_mask_on_it():
    mask = VolumePatch(np.ones((1, 2, 2), bool), (1, 2, 3), IMAGE.geometry)
    support = Support(IMAGE, mask, "subject 1")
    assert support.mask.full().sum() == 4
    assert support.name == "subject 1"


def test_an_empty_mask_is_refused_by_name():
    mask = VolumePatch.whole(np.zeros(IMAGE.geometry.shape, bool), IMAGE.geometry)
    with pytest.raises(InvalidSupport, match="The example 'liver of 3' has an empty mask"):
        Support(IMAGE, mask, "liver of 3")


@pytest.mark.parametrize(
    "other",
    [
        VolumeGeometry.from_components((4, 6, 4), (0.7, 0.8, 2.5), (10.0, -20.0, 30.0)),
        VolumeGeometry.from_components((4, 6, 5), (0.7, 0.8, 2.5), (11.0, -20.0, 30.0)),
        VolumeGeometry.from_components((4, 6, 5), (0.7, 0.8, 3.0), (10.0, -20.0, 30.0)),
    ],
    ids=["another shape", "another place", "another spacing"],
)
def test_a_mask_on_another_grid_is_refused_by_name(other):
    with pytest.raises(GeometryMismatch, match="The example 'b' has a mask"):
        Support(IMAGE, VolumePatch.whole(np.ones(other.shape, bool), other), "b")
