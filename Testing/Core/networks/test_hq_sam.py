"""HQ-SAM on networks that are small enough to look into."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from MedSegAICore.networks.hq_sam import HqSam
from MedSegAICore.networks.sam import EMBEDDING_CHANNELS, Sam
from seeded_kit import tap
from tiny_sam import TINY, random_state

SMALL = replace(TINY, width=32, depth=2, global_blocks=(0, 1), image_size=128)
POINTS = torch.tensor([[[40.0, 60.0], [90.0, 20.0]]]), torch.tensor([[1, 0]])


@pytest.fixture(scope="module")
def network():
    network = HqSam(SMALL)
    network.load_state_dict(random_state(network, seed=1), assign=True)
    return network


@pytest.fixture(scope="module")
def picture():
    return torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def test_the_embedding_is_sams_followed_by_what_the_first_block_with_a_whole_view_gave(network, picture):
    sam = Sam(SMALL)
    state = {name: tensor for name, tensor in network.state_dict().items() if name in sam.state_dict()}
    sam.load_state_dict(state, assign=True)
    early = tap(sam.image_encoder, ("blocks.0",))
    expected = sam.encode(picture, lambda _done: None)
    found = network.encode(picture, lambda _done: None)
    torch.testing.assert_close(found[:, :EMBEDDING_CHANNELS], expected)
    torch.testing.assert_close(found[:, EMBEDDING_CHANNELS:], early["blocks.0"].permute(0, 3, 1, 2))


@pytest.mark.parametrize("several", [True, False])
@torch.inference_mode()
def test_a_prompt_gets_one_mask_and_its_quality(network, picture, several):
    box, mask = torch.tensor([[10.0, 20.0, 90.0, 110.0]]), torch.zeros(1, 1, 32, 32)
    logits, quality = network.decode(network.encode(picture, lambda _done: None), POINTS, box, mask, several)
    assert logits.shape == (1, 1, 32, 32)
    assert quality.shape == (1, 1)


def test_a_cancelled_picture_leaves_nothing_behind(network, picture):
    def cancel(done):
        if done > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        network.encode(picture, cancel)
    assert not network.image_encoder.blocks[0]._forward_hooks
