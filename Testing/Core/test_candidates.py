"""Candidates as structures of their own."""

from __future__ import annotations

import numpy as np
from MedSegAICore.candidates import with_structures
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.result import Provenance, SegmentationResult
from MedSegAICore.volume import VolumePatch

GEOMETRY = VolumeGeometry.from_components((2, 3, 4))
MADE = Provenance({}, "", "model", "", "cpu", {}, 1.0)


def patch(*voxel: int) -> VolumePatch:
    mask = np.zeros(GEOMETRY.shape, bool)
    mask[voxel] = True
    return VolumePatch.whole(mask, GEOMETRY).tight()


def a_result() -> SegmentationResult:
    probability = VolumePatch.whole(np.full(GEOMETRY.shape, 0.5, np.float16), GEOMETRY)
    return SegmentationResult(patch(0, 0, 0), probability, MADE, candidates=(patch(1, 2, 3), patch(0, 1, 0)))


def test_the_answer_is_named_alone_unless_candidates_are_asked_for():
    result = a_result()
    (alone,) = with_structures(result, "Nodule").structures
    assert (alone.label, alone.mask, alone.probability) == ("Nodule", result.mask, result.probability)


def test_candidates_follow_in_their_order_with_masks_for_probabilities():
    structures = with_structures(a_result(), "Nodule", candidates=True).structures
    assert [one.label for one in structures] == ["Nodule", "Nodule candidate 1", "Nodule candidate 2"]
    assert np.argwhere(structures[1].mask.full()).tolist() == [[1, 2, 3]]
    np.testing.assert_array_equal(structures[2].probability.full(), structures[2].mask.full())
    assert structures[2].probability.array.dtype == np.float16
