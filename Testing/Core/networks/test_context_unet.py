"""The in-context network that comes with MedSegAI, and the window in which it is shown pictures."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.networks.context_unet import SIDE_MULTIPLE, SURROUNDINGS, ContextUNet, in_window

SIDE = 2 * SIDE_MULTIPLE
STRUCTURE = slice(12, 20)
NEAR = slice(12 - SURROUNDINGS, 20 + SURROUNDINGS)


@pytest.fixture
def task():
    """Target (2, 2, side, side) and supports (2, 3, 2, side, side): pictures from 0.4 to 0.6, with bright corners."""
    random = torch.Generator().manual_seed(0)
    target, supports = (torch.rand(*shape, SIDE, SIDE, generator=random) * 0.2 + 0.4 for shape in ((2, 2), (2, 3, 2)))
    supports[:, :, 1] = 0
    supports[:, :, 1, STRUCTURE, STRUCTURE] = 1
    for maps in (target, supports):
        maps[..., 0, :4, :4] = 1
    return target, supports


def test_the_structure_and_its_surroundings_get_most_of_the_contrast(task):
    target, supports = in_window(*task)
    for maps in (target, supports):
        near = maps[..., 0, NEAR, NEAR]
        assert near.min() < 0.15
        assert near.max() > 0.85
        assert maps.min() >= 0
        assert maps.max() <= 1
        assert (maps[..., 0, :4, :4] == 1).all()


def test_what_is_known_of_pictures_stays(task):
    for before, after in zip(task, in_window(*task), strict=True):
        assert torch.equal(before[..., 1, :, :], after[..., 1, :, :])


def test_each_task_of_a_batch_has_a_window_of_its_own(task):
    target, supports = task
    darker = target.clone(), supports.clone()
    for maps in darker:
        maps[1, ..., 0, :, :] *= 0.3
    for before, after in zip(in_window(*task), in_window(*darker), strict=True):
        assert torch.equal(before[0], after[0])
        assert torch.allclose(before[1, ..., 4:, 4:], after[1, ..., 4:, 4:], atol=1e-5)


@pytest.mark.parametrize("gone", ["structure", "contrast"])
def test_pictures_without_structure_or_contrast_stay_as_they_are(task, gone):
    target, supports = task
    if gone == "structure":
        supports[:, :, 1] = 0
    else:
        supports[:, :, 0] = 0.5
    for before, after in zip((target, supports), in_window(target, supports), strict=True):
        assert torch.equal(before, after)


def test_the_unit_of_intensity_makes_no_difference_to_the_answer(task):
    torch.manual_seed(0)
    network = ContextUNet().eval()
    torch.nn.init.normal_(network.out_conv.conv.weight)  # else it only repeats what is expected
    target, supports = task
    scaled = [maps.clone() for maps in task]
    for maps in scaled:
        maps[..., 0, :, :] = maps[..., 0, :, :] * 0.4 + 0.1
    with torch.no_grad():
        one, other = network(target, supports), network(*scaled)
    assert one.shape == (2, 1, SIDE, SIDE)
    assert one.std() > 0.1
    assert torch.allclose(one, other, atol=1e-2)


def test_an_untrained_network_repeats_what_is_expected(task):
    target, supports = task
    with torch.no_grad():
        logits = ContextUNet()(target, supports)
    assert torch.equal(logits[:, 0] > 0, target[:, 1] > 0.5)
