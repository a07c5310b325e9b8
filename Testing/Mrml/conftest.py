"""A real scene for every test."""

from __future__ import annotations

import numpy as np
import pytest
from Host.nodes import add_segmentation, add_volume
from Host.slicer_scene import boot
from MedSegAILib.mrml.editor import LogicEditor
from MedSegAILib.mrml.segments import SegmentWriter


@pytest.fixture
def scene(tmp_path):
    """An empty scene of the real Slicer core."""
    host = boot(tmp_path)
    yield host.scene
    host.close()


@pytest.fixture
def voxels():
    """Random intensities 0 to 99 (k, j, i)."""
    return np.random.default_rng(0).integers(0, 100, (12, 20, 25)).astype(np.int16)


@pytest.fixture
def volumeNode(scene, voxels):
    return add_volume(voxels)


@pytest.fixture
def segmentationNode(volumeNode):
    return add_segmentation(volumeNode)


@pytest.fixture
def editor(segmentationNode, volumeNode):
    return LogicEditor(segmentationNode, volumeNode)


@pytest.fixture
def writer(editor):
    return SegmentWriter(editor)
