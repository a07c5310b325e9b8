"""Segments as prompts: which, where, and only as much as a slice needs."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from Host.nodes import add_linear_transform, put_under
from MedSegAICore.prompts import SlicePlane
from MedSegAILib.mrml.mask_prompts import maskPrompts
from MedSegAILib.mrml.volumes import volumeGeometry

LIVER, SPLEEN = np.s_[2:9, 3:13, 4:14], np.s_[4:10, 8:18, 15:20]


@pytest.fixture
def segments(segmentationNode, volumeNode):
    """A liver, a spleen and an empty segment."""
    ids = {}
    for name, cuts in (("liver", LIVER), ("spleen", SPLEEN), ("empty", np.s_[:0])):
        ids[name] = segmentationNode.GetSegmentation().AddEmptySegment(name, name)
        array = np.zeros((12, 20, 25), np.uint8)
        array[cuts] = 1
        if array.any():
            slicer.util.updateSegmentBinaryLabelmapFromArray(array, segmentationNode, ids[name], volumeNode)
    return ids


@pytest.fixture
def ask(segmentationNode, volumeNode, segments):
    def ask(name, plane=None, fromSegment=False, fromOthers=False):
        geometry = volumeGeometry(volumeNode)
        return maskPrompts(
            segmentationNode, segments[name], geometry, plane, fromSegment=fromSegment, fromOthers=fromOthers
        )

    return ask


def whole(cuts):
    array = np.zeros((12, 20, 25), bool)
    array[cuts] = True
    return array


def test_the_segment_itself_is_the_first_guess_and_others_are_outside(ask):
    liver, spleen = ask("liver", fromSegment=True, fromOthers=True)
    assert (liver.positive, spleen.positive) == (True, False)
    np.testing.assert_array_equal(liver.patch.full(), whole(LIVER))
    np.testing.assert_array_equal(spleen.patch.full(), whole(SPLEEN))


def test_hidden_segments_and_empty_ones_say_nothing(ask, segmentationNode, segments):
    assert ask("empty", fromSegment=True) == ()
    segmentationNode.GetDisplayNode().SetSegmentVisibility(segments["spleen"], False)
    assert ask("liver", fromOthers=True) == ()


def test_on_a_slice_only_that_slice_is_sent(ask, volumeNode):
    (liver,) = ask("liver", SlicePlane.of_slice(volumeGeometry(volumeNode), 0, 5), fromSegment=True)
    expected = whole(LIVER)
    np.testing.assert_array_equal(liver.patch.full()[5], expected[5])
    assert liver.patch.array.shape[0] <= 3


def test_on_an_oblique_slice_everything_near_it_is_sent(ask, volumeNode):
    geometry = volumeGeometry(volumeNode)
    plane = SlicePlane(geometry.to_ras((12, 10, 6))[0], (1, 0, 0.4), (0, 1, 0.3))
    (liver,) = ask("liver", plane, fromSegment=True)
    kji = np.argwhere(whole(LIVER))
    near = np.abs(plane.distance_mm(geometry.to_ras(kji[:, ::-1]))) < 1.5
    assert near.any()
    assert liver.patch.full()[tuple(kji[near].T)].all()


def test_a_segmentation_on_another_grid_is_resampled(ask, segmentationNode, volumeNode):
    put_under(segmentationNode, add_linear_transform([[1, 0, 0, 0.35], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]))
    (liver,) = ask("liver", SlicePlane.of_slice(volumeGeometry(volumeNode), 0, 5), fromSegment=True)
    assert 0.8 < np.count_nonzero(liver.patch.full()[5]) / np.count_nonzero(whole(LIVER)[5]) < 1.2


def test_a_slice_beside_the_segment_gets_nothing(ask, volumeNode):
    assert ask("liver", SlicePlane.of_slice(volumeGeometry(volumeNode), 0, 11), fromSegment=True) == ()
