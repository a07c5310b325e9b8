"""One image for one state of a volume."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from Host.nodes import add_linear_transform, put_under
from MedSegAICore.errors import InvalidImage
from MedSegAILib.mrml.source_images import SourceImages


@pytest.fixture
def source():
    return SourceImages()


def test_an_unchanged_volume_has_one_image(source, volumeNode):
    image = source.of(volumeNode)
    assert source.of(volumeNode) is image
    assert source.isCurrent(volumeNode, image)


def test_changed_voxels_make_a_new_image(source, volumeNode):
    image = source.of(volumeNode)
    before = image.fingerprint
    slicer.util.arrayFromVolume(volumeNode)[0, 0, 0] += 1
    slicer.util.arrayFromVolumeModified(volumeNode)
    assert not source.isCurrent(volumeNode, image)
    assert source.of(volumeNode).fingerprint != before


def test_a_moved_volume_makes_a_new_image(source, volumeNode):
    put_under(volumeNode, add_linear_transform(np.eye(4)))
    image = source.of(volumeNode)
    moved = np.eye(4)
    moved[0, 3] = 7
    slicer.util.updateTransformMatrixFromArray(volumeNode.GetParentTransformNode(), moved)
    assert not source.isCurrent(volumeNode, image)
    np.testing.assert_allclose(source.of(volumeNode).geometry.to_ras((0, 0, 0))[0, 0], 18)


def test_a_removed_volume_has_no_current_image(source, volumeNode, scene):
    image = source.of(volumeNode)
    scene.RemoveNode(volumeNode)
    assert not source.isCurrent(volumeNode, image)


def test_no_volume_is_refused_by_name(source):
    with pytest.raises(InvalidImage, match="No volume is selected"):
        source.of(None)
    assert not source.isCurrent(None, None)
