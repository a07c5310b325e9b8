"""The denoiser answers at the resolution of its input, within the bounds of a mask, and looks at all its channels."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from MedSegAICore.networks.mask_denoiser import SHIPPED, DenoiserArchitecture, MaskDenoiser

TINY = DenoiserArchitecture(channels=(16, 16), attention=(False, True), head_channels=16)


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = MaskDenoiser(TINY).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


def asked(rows=8, columns=12):
    torch.manual_seed(1)
    return torch.randn(2, 3, rows, columns), torch.tensor([3, 900])


@torch.inference_mode()
def test_the_answer_has_the_size_of_the_mask_and_its_bounds(network):
    said = network(*asked())
    assert said.shape == (2, 1, 8, 12)
    assert float(said.abs().max()) < 1
    torch.testing.assert_close(said, torch.tanh(network.logits(*asked()) / 2))


@torch.inference_mode()
def test_noise_and_velocity_have_no_bounds(network):
    network.architecture = replace(TINY, prediction="epsilon")
    torch.testing.assert_close(network(*asked()), network.logits(*asked()))


@torch.inference_mode()
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_mask_image_box_and_time_all_count(network, channel):
    x, times = asked()
    other = x.clone()
    other[:, channel] += 0.5
    before = network(x, times)
    assert not torch.allclose(network(other, times), before)
    assert not torch.allclose(network(x, times + 50), before)


@torch.inference_mode()
def test_every_sample_of_a_batch_is_answered_alone(network):
    x, times = asked()
    torch.testing.assert_close(network(x, times)[1:], network(x[1:], times[1:]), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_dropout_makes_answers_differ_where_it_is_wanted():
    torch.manual_seed(0)
    network = MaskDenoiser(replace(TINY, dropout=0.5), noisy=0).train()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    x, times = torch.randn(1, 2, 8, 8), torch.zeros(1, dtype=torch.long)
    assert not torch.equal(network(x, times), network(x, times))


def test_the_input_is_a_multiple_of_what_the_architecture_says():
    assert SHIPPED.multiple == 8
    assert TINY.multiple == 4
