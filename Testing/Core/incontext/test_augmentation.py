"""Other intensities: drawn by seed, and nothing moves."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.incontext.augmentation import Augmentation


@pytest.fixture
def images():
    return torch.rand(3, 1, 16, 20, generator=torch.Generator().manual_seed(1))


def test_no_change_changes_nothing(images):
    torch.testing.assert_close(Augmentation().applied(images), images, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [{"blur": 0.4}, {"brightness": 0.1}, {"contrast": 1.2}, {"sharpness": 1.0}, {"noise": 0.03}, {"inverted": True}],
)
def test_every_part_changes_intensities_within_their_range(images, change):
    found = Augmentation(**change).applied(images)
    assert (found - images).abs().max() > 1e-2
    assert found.min() >= 0
    assert found.max() <= 1


def test_noise_differs_from_image_to_image():
    grey = torch.full((2, 1, 8, 8), 0.5)
    found = Augmentation(noise=0.05).applied(grey)
    assert (found[0] - found[1]).abs().max() > 1e-2


def test_they_are_drawn_by_seed_and_do_something():
    drawn = [Augmentation.drawn(0, number) for number in range(20)]
    assert drawn == [Augmentation.drawn(0, number) for number in range(20)]
    assert len({repr(one) for one in drawn}) > 15
    assert drawn[0] != Augmentation.drawn(1, 0)


def test_edges_stay_in_place():
    edge = torch.zeros(1, 1, 16, 16)
    edge[..., 8:] = 0.8
    for number in range(20):
        found = Augmentation.drawn(4, number).applied(edge)
        steps = (found[..., 1:] - found[..., :-1]).abs().mean(dim=(0, 1, 2))
        assert int(steps.argmax()) == 7
