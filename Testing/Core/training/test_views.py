"""Views of slices: image and mask stay together, lengths stay lengths, small and large structures occur."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.training.example import is_usable
from MedSegAICore.training.views import SHARES, Picture, directions, draw_close_up, draw_view, quantised, seen
from MedSegAICore.volume import ImageVolume, VolumeGeometry


def disc(shape, spacing, radius=30.0):
    rows, columns = (np.arange(count) * step for count, step in zip(shape, spacing, strict=True))
    return np.hypot(rows[:, None] - rows.mean(), columns - columns.mean()) < radius


@pytest.mark.parametrize("step", [0.5, 1.0, 3.3])
def test_image_and_mask_move_together(step):
    mask = disc((160, 160), (1, 1))
    image = np.where(mask, 65535, 0).astype(np.uint16)
    for seed in range(5):
        view = draw_view((80.0, 75.0), (step, step), 64, np.random.default_rng(seed))
        grey, inside = seen(image, mask, view)
        assert np.array_equal(grey > 0.5, inside)
        assert inside.sum() == pytest.approx(np.pi * (30 / step) ** 2, rel=0.25) or step == 0.5


def test_what_is_round_stays_round_where_pixels_are_long():
    spacing = (3.0, 1.0)
    mask = disc((60, 180), spacing)
    image = np.where(mask, 60000, 5000).astype(np.uint16)
    for seed in range(10):
        example = None
        while example is None or example.mask[[0, -1]].any() or example.mask[:, [0, -1]].any():
            seed += 100
            example = draw_close_up(Picture(image, spacing), mask, 64, np.random.default_rng(seed))
        spread_of = np.linalg.eigvalsh(np.cov(np.argwhere(example.mask).T))
        assert spread_of[0] > 0.6 * spread_of[1] or example.mask.sum() < 100


def test_structures_are_small_and_large():
    mask = np.zeros((400, 400), np.bool_)
    mask[190:210, 150:175] = True
    image = np.where(mask, 60000, 5000).astype(np.uint16)
    shares = []
    for seed in range(150):
        example = draw_close_up(Picture(image, (1.0, 1.0)), mask, 96, np.random.default_rng(seed))
        assert is_usable(example.mask)
        shares.append((np.ptp(np.argwhere(example.mask), axis=0).max() + 1) / 96)
    assert min(shares) < 2.5 * SHARES[0]
    assert max(shares) > 0.8 * SHARES[1]
    assert np.mean([0.1 < share < 0.5 for share in shares]) > 0.3


def test_a_blank_picture_gives_no_example():
    mask = disc((100, 100), (1, 1))
    blank = Picture(np.zeros((100, 100), np.uint16), (1.0, 1.0))
    assert draw_close_up(blank, mask, 64, np.random.default_rng(1)) is None


def test_only_slices_with_enough_pixels_of_a_fair_form_are_looked_at():
    assert directions((60, 60, 60), (1, 1, 1)) == (0, 1, 2)
    assert directions((60, 60, 60), (7.5, 0.5, 0.5)) == (0,)
    assert directions((1, 512, 512), (1, 1, 1)) == (0,)
    assert directions((30, 512, 512), (3, 1, 1)) == (0, 1, 2)


def test_voxels_take_two_bytes_from_darkest_to_brightest():
    array = np.linspace(-1000, 2000, 1000).reshape(10, 10, 10)
    grey = quantised(ImageVolume(array, VolumeGeometry.from_components((10, 10, 10))))
    assert grey.dtype == np.uint16
    assert (grey.min(), grey.max()) == (0, 65535)
    assert np.allclose(grey / 65535 * 3000 - 1000, array, atol=0.05)
