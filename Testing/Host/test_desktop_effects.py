"""A scripted effect lives in the host as in the desktop's Segment Editor."""

from __future__ import annotations

import numpy as np
import pytest
from Host.nodes import add_segmentation, add_volume, segment_array
from Host.picture import share_of_color

GREEN = (0.1, 0.8, 0.2)


@pytest.fixture
def volume(desktop):
    return add_volume(np.random.default_rng(0).integers(0, 100, (20, 40, 50)).astype(np.int16))


@pytest.fixture
def segmentation(volume):
    node = add_segmentation(volume)
    node.GetSegmentation().AddEmptySegment("organ", "organ", GREEN)
    return node


@pytest.fixture
def editor(desktop, conformance_effects, volume, segmentation):
    editor = desktop.open_editor(volume, segmentation)
    editor.setActiveEffectByName("Dot")
    return editor


@pytest.fixture
def organ(segmentation, volume):
    """Return the segment as voxels (k, j, i)."""
    return lambda: segment_array(segmentation, "organ", volume)


def at_voxel(volume, i, j, k):
    return np.array([-0.7, -0.9, 3.1]) * (i, j, k) + (11, 22, 33)


def test_a_click_becomes_voxels_and_pixels_and_undo_takes_them_back(desktop, editor, volume, organ) -> None:
    desktop.jump_to(at_voxel(volume, 20, 15, 10))
    assert share_of_color(desktop.picture(), GREEN) == 0

    desktop.mouse().click(at_voxel(volume, 20, 15, 10))

    expected = np.zeros((20, 40, 50), dtype=bool)
    expected[8:13, 13:18, 18:23] = True
    np.testing.assert_array_equal(organ(), expected)
    assert share_of_color(desktop.picture(), GREEN) > 0.005

    editor.undo()
    assert not organ().any()
    assert share_of_color(desktop.picture(), GREEN) == 0
    editor.redo()
    assert organ().sum() == 125
