"""Which slices are worth looking at next."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.incontext.look_next import look_next
from MedSegAICore.volume import VolumePatch


def test_the_slices_to_look_at_are_the_doubtful_ones_and_lie_apart():
    doubt = np.zeros((100, 8, 8), np.float16)
    doubt[40], doubt[41], doubt[70], doubt[10, 2, 5] = 0.9, 0.8, 0.5, 1
    geometry = VolumeGeometry.from_components(doubt.shape, (1.0, 2.0, 3.0))
    found = look_next(VolumePatch.whole(doubt, geometry).tight(), axis=0)
    assert [one.index for one in found[:3]] == [40, 70, 10]
    assert found[2].position_ras == pytest.approx([5, 4, 30])
    assert all(one.doubt > 0 for one in found)
    again = look_next(VolumePatch.whole(doubt, geometry), axis=0, count=1, seen=[38])
    assert [one.index for one in again] == [70]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_doubt_is_ranked_across_any_axis(axis):
    doubt = np.zeros((10, 11, 12), np.float16)
    doubt[3, 4, 5] = 1
    geometry = VolumeGeometry.from_components(doubt.shape, (1.0, 2.0, 3.0), (7.0, 8.0, 9.0))
    (found,) = look_next(VolumePatch.whole(doubt, geometry).tight(), axis)
    assert found.index == (3, 4, 5)[axis]
    assert found.position_ras == pytest.approx(geometry.to_ras([5, 4, 3])[0])


def test_without_doubt_there_is_nothing_to_look_at():
    nothing = VolumePatch.whole(np.zeros((4, 4, 4), np.float16), VolumeGeometry.from_components((4, 4, 4))).tight()
    assert look_next(nothing, 0) == ()
