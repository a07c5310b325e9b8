"""The interactive network: what it is shown beside the prompts holds for any scale, and it is small."""

from __future__ import annotations

import torch
from MedSegAICore.networks.prompt_cues import cue_maps
from MedSegAICore.networks.prompt_unet import SHIPPED, PromptArchitecture, PromptUNet

TINY = PromptArchitecture((8, 16), norm_groups=2)


def told(size: int = 32) -> torch.Tensor:
    """A bright square in the dark, beside a second one that does not touch it, a click and a guess in the first."""
    channels = torch.zeros(1, 6, size, size)
    channels[0, 0] = 10 + torch.rand(size, size, generator=torch.Generator().manual_seed(1))
    channels[0, 0, 4:14, 4:14] += 30
    channels[0, 0, 20:28, 20:28] += 30
    channels[0, 2, 8:11, 8:11] = 1
    channels[0, 5, 4:14, 4:14] = 1
    return channels


def test_cues_do_not_change_with_the_scale_of_the_intensities():
    channels, other = told(), told()
    other[:, 0] = 1000 * other[:, 0] - 5000
    torch.testing.assert_close(cue_maps(channels), cue_maps(other), atol=2e-2, rtol=0)


def test_what_looks_like_the_click_is_likely_and_what_hangs_together_with_it_connected():
    _, difference, likely, connected = cue_maps(told())[0]
    inside, alike, dark = (slice(6, 12),) * 2, (slice(22, 26),) * 2, (slice(16, 19),) * 2
    assert difference[inside].abs().max() < 0.5 < 1 < difference[dark].abs().min()
    assert likely[inside].min() > 0.3
    assert likely[alike].min() > 0.3
    assert likely[dark].max() < 0
    assert connected[inside].min() > 0.6
    assert connected[alike].max() < 0.3


def test_a_click_outside_ends_the_connection():
    channels = told()
    channels[0, 0, 14:22, 4:14] = 40  # the first square becomes longer
    through = cue_maps(channels)[0, 3, 18, 9]
    channels[0, 3, 14:16, 2:16] = 1
    assert cue_maps(channels)[0, 3, 18, 9] < 0.3 < 0.6 < through


def test_a_box_alone_says_what_its_middle_looks_like():
    channels = told()
    channels[:, 2] = 0
    channels[0, 1, 3:15, 3:15] = 1
    _, _, likely, connected = cue_maps(channels)[0]
    assert likely[6:12, 6:12].min() > 0.3
    assert connected[6:12, 6:12].min() > 0.6


def test_constant_pictures_and_no_prompts_give_numbers():
    channels = torch.zeros(2, 6, 32, 32)
    assert cue_maps(channels).isfinite().all()
    assert PromptUNet(TINY)(channels).isfinite().all()


def test_a_picture_is_answered_alone_as_in_a_batch():
    torch.manual_seed(0)
    network, first, second = PromptUNet(TINY).eval(), told(), told().flip(2)
    with torch.inference_mode():
        both = network(torch.cat([first, second]))
        assert both.shape == (2, 1, 32, 32)
        torch.testing.assert_close(network(first), both[:1], atol=1e-5, rtol=1e-4)


def test_every_weight_is_used():
    network = PromptUNet(TINY)
    torch.nn.init.ones_(network.readout.weight)
    network(told()).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_an_untrained_network_says_what_the_guess_says_and_keeps_its_answer():
    channels, network = told(), PromptUNet(TINY)
    with torch.inference_mode():
        first = network(channels)
        channels[:, 4:5] = first.sigmoid()
        second = network(channels)
    for logits in (first, second):
        assert logits[0, 0, 6:12, 6:12].min() > 0 > logits[0, 0, 16:19, 16:19].max()
    assert (first > 0).float().mean() < 0.2


def test_the_shipped_network_is_small():
    assert sum(parameter.numel() for parameter in PromptUNet(SHIPPED).parameters()) == 1_083_886
    assert SHIPPED.multiple == 32
