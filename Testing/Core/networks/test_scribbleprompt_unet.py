"""ScribblePrompt-UNet in small: sizes, batches and cancelling."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.networks.scribbleprompt_unet import ScribblePromptArchitecture, ScribblePromptUNet
from tiny_sam import random_state

TINY = ScribblePromptArchitecture((8, 12))


@pytest.fixture(scope="module")
def network():
    network = ScribblePromptUNet(TINY)
    network.load_state_dict(random_state(network, 3))
    return network


@torch.inference_mode()
def test_slices_of_any_multiple_give_logits_of_their_own_size(network):
    assert TINY.multiple == 4
    for rows, columns in ((4, 4), (16, 28), (128, 128)):
        assert network(torch.rand(2, 5, rows, columns)).shape == (2, 1, rows, columns)


@torch.inference_mode()
def test_slices_of_a_batch_give_what_each_gives_alone(network):
    channels = torch.rand(3, 5, 16, 16, generator=torch.Generator().manual_seed(4))
    together = network(channels)
    for one in range(3):
        torch.testing.assert_close(together[one : one + 1], network(channels[one : one + 1]), rtol=1e-5, atol=1e-5)


def test_the_network_can_be_ended_before_every_block(network):
    calls = []

    def end() -> None:
        calls.append(len(calls))
        if len(calls) == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError), torch.inference_mode():
        network(torch.rand(1, 5, 8, 8), end)
    assert len(calls) == 4
