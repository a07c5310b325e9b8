"""The network's look at what another method found: it sees the right place, and answers where it looked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled
from MedSegAICore.prompt.network_look import AROUND_FOUND, SIZE_FOR_FOUND, NetworkLook
from torch import nn

SHAPE = (60, 90)
ROWS, COLUMNS = slice(20, 30), slice(40, 60)


class Bright(nn.Module):
    """Finds what is bright, and remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.steepness = nn.Parameter(torch.tensor(20.0))
        self.seen: list[torch.Tensor] = []

    def forward(self, channels):
        self.seen.extend(channels.clone())
        return (channels[:, :1] - 0.5) * self.steepness


@pytest.fixture
def network():
    return Bright()


@pytest.fixture
def look(network):
    return NetworkLook(network, "hash", "cpu")


def picture():
    levels = np.zeros(SHAPE, np.float32)
    levels[ROWS, COLUMNS] = 1
    return levels


def found_beside(shift=4):
    """What was found lies a few columns beside the bright part."""
    found = np.zeros(SHAPE, np.float32)
    found[ROWS, COLUMNS.start + shift : COLUMNS.stop + shift] = 0.9
    return found


def test_the_answer_is_where_the_network_sees_the_structure(look):
    answer = look.at(picture(), (1.0, 1.0), found_beside(), Run())
    assert answer.shape == SHAPE
    assert np.array_equal(answer > 0.5, picture() > 0.5)


@pytest.mark.usefixtures("two_network_threads")
def test_the_network_looks_with_one_thread(look, network, monkeypatch):
    counts, forward = [], network.forward
    monkeypatch.setattr(network, "forward", lambda maps: counts.append(torch.get_num_threads()) or forward(maps))
    look.at(picture(), (1.0, 1.0), found_beside(), Run())
    assert (counts, torch.get_num_threads()) == ([1], 2)


def test_the_network_is_shown_what_was_found_as_answer_guess_and_box(look, network):
    look.at(picture(), (1.0, 1.0), found_beside(), Run())
    (shown,) = network.seen
    assert shown.shape == (6, SIZE_FOR_FOUND, SIZE_FOR_FOUND)
    _, box, positive, negative, before, guess = shown
    assert torch.allclose(before, guess, atol=0.01)
    assert float(before.max()) == pytest.approx(0.9, abs=0.01)
    assert not positive.any()
    assert not negative.any()
    assert ((box > 0.5) == (before > 0.45)).float().mean() > 0.99


def test_it_looks_three_times_as_far_as_what_was_found_reaches(look, network):
    look.at(picture(), (1.0, 1.0), found_beside(), Run())
    columns = np.flatnonzero((network.seen[0][4] > 0.45).any(dim=0).numpy())
    assert (np.ptp(columns) + 1) * AROUND_FOUND == pytest.approx(SIZE_FOR_FOUND, abs=6)


def test_pixels_that_are_longer_than_wide_keep_their_shape(look, network):
    look.at(picture(), (2.0, 1.0), found_beside(), Run())  # 20 mm x 20 mm
    rows, columns = (np.flatnonzero((network.seen[0][4] > 0.45).any(dim=axis).numpy()) for axis in (1, 0))
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)


def test_where_nothing_was_found_nobody_is_asked(look, network):
    nothing = np.full(SHAPE, 0.3, np.float32)
    assert look.at(picture(), (1.0, 1.0), nothing, Run()) is nothing
    assert not network.seen


@pytest.mark.parametrize("place", [(0, 0), (SHAPE[0] - 1, SHAPE[1] - 1)])
def test_one_pixel_in_a_corner_can_be_looked_at(look, place):
    found = np.zeros(SHAPE, np.float32)
    found[place] = 1
    answer = look.at(found.copy(), (1.0, 1.0), found, Run())
    assert answer.shape == SHAPE
    assert np.isfinite(answer).all()


def test_a_stopped_run_does_not_look(look, network):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        look.at(picture(), (1.0, 1.0), found_beside(), Run(cancel=token))
    assert not network.seen
