"""The in-context network is shown a slice and its examples as it was trained on them, whatever the slice's shape."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled
from MedSegAICore.fewshot.registered.aligned_examples import AlignedExamples
from MedSegAICore.fewshot.registered.context_look import ContextLook
from MedSegAICore.networks.context_unet import SIDE, ContextUNet
from torch import nn

SHAPE = (60, 90)
ROWS, COLUMNS = slice(20, 30), slice(40, 60)


class Remembers(nn.Module):
    """Says that the structure is where it is on most examples, and remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.steepness = nn.Parameter(torch.tensor(20.0))
        self.shown = []

    def forward(self, target, supports, at_once=None, before_block=None):  # noqa: ARG002  one block
        before_block()
        self.shown.append((target.numpy(), supports.numpy()))
        return self.steepness * (supports[:, :, 1].mean(1, keepdim=True) - 0.5)


@pytest.fixture
def network():
    return Remembers()


@pytest.fixture
def look(network):
    return ContextLook(network)


def picture():
    levels = np.zeros(SHAPE, np.float32)
    levels[ROWS, COLUMNS] = 1
    return levels


def examples(count=3):
    images = np.stack([picture()] * count) * 0.7
    return AlignedExamples(images, (images[:, None] > 0).astype(np.float32))


def test_what_the_network_says_comes_back_where_it_belongs(look):
    answer = look.at(picture(), (1.0, 1.0), np.zeros(SHAPE, np.float32), examples(), Run())
    assert answer.shape == SHAPE
    assert answer.dtype == np.float32
    assert np.count_nonzero((answer > 0.5) != picture().astype(bool)) <= 30  # half a pixel along the edge


def test_the_network_is_shown_pictures_in_the_first_channel_and_what_is_known_of_them_in_the_second(look, network):
    look.at(picture(), (1.0, 1.0), 0.3 * picture(), examples(), Run())
    ((target, supports),) = network.shown
    assert target.shape == (1, 2, SIDE, SIDE)
    assert supports.shape == (1, 3, 2, SIDE, SIDE)
    row, column = SIDE // 2 - 8, SIDE // 2 + 4  # of the bright part, which is above and right of the middle
    assert target[0, :, row, column] == pytest.approx([1.0, 0.3], abs=0.05)
    assert supports[0, 0, :, row, column] == pytest.approx([0.7, 1.0], abs=0.05)


def test_beyond_the_slice_nothing_is_known(look, network):
    everywhere = np.ones(SHAPE, np.float32)
    look.at(everywhere, (1.0, 1.0), everywhere, examples(), Run())
    ((target, _),) = network.shown
    assert target[0, 0].min() == 1  # the picture goes on
    assert target[0, 1, 0].max() == 0
    assert target[0, 1, SIDE // 2].min() == 1


@pytest.mark.parametrize("spacing_mm", [(1.0, 3.0), (3.0, 1.0)])
def test_shapes_keep_their_aspect_on_long_pixels(look, network, spacing_mm):
    look.at(picture(), spacing_mm, picture(), examples(), Run())
    ((target, _),) = network.shown
    shown = target[0, 1] > 0.5
    rows, columns = np.count_nonzero(shown.any(axis=1)), np.count_nonzero(shown.any(axis=0))
    assert columns / rows == pytest.approx(2 * spacing_mm[1] / spacing_mm[0], rel=0.25)


def test_one_example_of_one_pixel_is_enough(look):
    one = AlignedExamples(np.ones((1, 1, 1), np.float32), np.ones((1, 1, 1, 1), np.float32))
    answer = look.at(np.ones((1, 1), np.float32), (1.0, 1.0), np.ones((1, 1), np.float32), one, Run())
    assert answer.shape == (1, 1)


def test_the_network_before_its_training_repeats_what_was_found(look):
    found = 0.9 * picture()
    answer = ContextLook(ContextUNet().eval()).at(picture(), (1.0, 1.0), found, examples(), Run())
    assert np.count_nonzero((answer > 0.5) != (found > 0.5)) <= 30


def test_a_run_that_was_stopped_ends_before_the_pass(look):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        look.at(picture(), (1.0, 1.0), picture(), examples(), Run(cancel=token))
