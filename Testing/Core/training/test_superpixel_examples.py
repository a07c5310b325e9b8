"""Images without labels become examples of regions that look alike."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.errors import InvalidDataset
from MedSegAICore.training.chance import step_generator
from MedSegAICore.training.example import is_usable
from MedSegAICore.training.regions import Superpixels
from MedSegAICore.training.superpixels import SuperpixelSource, read_pictures
from MedSegAICore.training.views import Picture
from scipy import ndimage


def picture(seed=0):
    """A body with two organs in the air."""
    rows, columns = np.mgrid[:160, :160]
    image = np.zeros((160, 160))
    image[np.hypot(rows - 80, columns - 80) < 70] = 0.3
    image[np.hypot(rows - 60, columns - 60) < 25] = 0.6
    image[np.hypot(rows - 100, columns - 100) < 20] = 0.9
    image += np.random.default_rng(seed).normal(0, 0.01, image.shape)
    return Picture(np.rint(np.clip(image, 0, 1) * 65535).astype(np.uint16), (1.0, 1.0))


def test_pieces_cover_the_picture_and_follow_its_edges():
    pieces = Superpixels.of(picture())
    shown = picture().image / 65535
    assert pieces.labels.shape == shown.shape
    assert pieces.sizes.sum() == shown.size
    assert len(pieces.means) == pieces.labels.max() + 1
    within = ndimage.standard_deviation(shown, pieces.labels, np.arange(len(pieces.means)))
    assert np.median(within) < 0.03


def test_regions_stand_out_and_organs_are_among_them():
    pieces, chance, areas = Superpixels.of(picture()), np.random.default_rng(1), []
    visible = []
    for _ in range(200):
        region = pieces.region(chance)
        if region is None:
            continue
        areas.append(int(region.sum()))
        around = ndimage.binary_dilation(region, iterations=4) & ~ndimage.binary_dilation(region, iterations=2)
        shown = picture().image / 65535
        visible.append(np.mean(np.abs(shown[around] - np.median(shown[region])) > 0.03))
    assert np.mean(np.array(visible) > 0.4) > 0.8
    assert len(areas) > 40
    organ = np.pi * 25**2
    assert any(0.85 * organ < area < 1.15 * organ for area in areas)
    assert max(areas) < 0.7 * 160 * 160


def test_the_air_around_the_body_is_no_region():
    pieces, chance = Superpixels.of(picture()), np.random.default_rng(2)
    for _ in range(200):
        region = pieces.region(chance)
        assert region is None or not region[0, 0] or region[80, 80]


def test_examples_are_usable_and_depend_on_seed_and_step_alone():
    source = SuperpixelSource([picture(0), picture(1)])
    for step in range(40):
        example = source.draw(64, step_generator(1, step))
        assert is_usable(example.mask)
        assert example.image.shape == example.mask.shape == (64, 64)
        assert np.isfinite(example.image).all()
    again = SuperpixelSource([picture(0), picture(1)]).draw(64, step_generator(1, 39))
    assert np.array_equal(again.image, example.image)
    assert np.array_equal(again.mask, example.mask)


def test_without_a_picture_or_with_blank_ones_it_says_so():
    with pytest.raises(InvalidDataset, match="no picture"):
        SuperpixelSource([])
    blank = SuperpixelSource([Picture(np.zeros((64, 64), np.uint16), (1.0, 1.0))])
    with pytest.raises(InvalidDataset, match="stands out"):
        blank.draw(32, np.random.default_rng(1))


@pytest.mark.slow
def test_real_pictures_are_of_every_set_and_not_too_large(shared):
    pictures = read_pictures(("mr", "xray"), shared / "data", 60)
    assert len(pictures) == 60
    assert all(max(one.image.shape) <= 320 and np.ptp(one.image) > 0 for one in pictures)
    source = SuperpixelSource(pictures[::6])
    assert all(is_usable(source.draw(128, step_generator(1, step)).mask) for step in range(30))
