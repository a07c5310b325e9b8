"""SAM-Med3D in small: windows that a volume fills in part, many prompts at once, and cancelling."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.networks.sam_med3d.architecture import SamMed3dArchitecture
from MedSegAICore.networks.sam_med3d.attention import WindowAttention
from MedSegAICore.networks.sam_med3d.network import SamMed3d
from tiny_sam import random_state

TINY = SamMed3dArchitecture(
    width=32, depth=2, heads=2, global_blocks=(1,), image_size=64, embedding_channels=48, window=3
)


@pytest.fixture(scope="module")
def network():
    network = SamMed3d(TINY)
    network.load_state_dict(random_state(network, 3), assign=True)
    return network


@pytest.fixture(scope="module")
def embedding(network):
    volume = torch.randn(1, 1, 64, 64, 64, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        return network.encode(volume, lambda _done: None)


def random_attention(window: int) -> WindowAttention:
    attention = WindowAttention(16, 2, window)
    state = random_state(attention, 5)
    state |= {name: 5 * tensor for name, tensor in state.items() if "rel_pos" in name}  # distances matter
    attention.load_state_dict(state)
    return attention.double()


def attention_over_zeros(attention: WindowAttention, tokens: torch.Tensor) -> torch.Tensor:
    """Return the answer of definition: fill the window up with zeros, score every pair, forget the filling."""
    window, heads = attention.window, attention.num_heads
    first, second, third = tokens.shape[1:4]
    filled = tokens.new_zeros(len(tokens), window, window, window, tokens.shape[-1])
    filled[:, :first, :second, :third] = tokens
    query, key, value = attention.qkv(filled).unflatten(-1, (3, heads, -1)).unbind(4)
    scores = torch.einsum("bijknc,bxyznc->bnijkxyz", query, key) / query.shape[-1] ** 0.5
    place = torch.arange(window)
    distance = place[:, None] - place[None, :] + window - 1
    by_d = torch.einsum("bijknc,izc->bnijkz", query, attention.rel_pos_d[distance])
    by_h = torch.einsum("bijxnc,jzc->bnijxz", query, attention.rel_pos_h[distance])
    by_w = torch.einsum("bijync,yzc->bnijyz", query, attention.rel_pos_w[distance])
    scores = scores + by_d[..., None, None, :] + by_h[:, :, :, :, None, :, None] + by_w[:, :, :, :, None, None]
    weights = scores.flatten(5).softmax(-1).unflatten(-1, (window, window, window))
    gathered = torch.einsum("bnijkxyz,bxyznc->bijknc", weights, value).flatten(4)
    return attention.proj(gathered)[:, :first, :second, :third]


@pytest.mark.parametrize("shape", [(4, 4, 4), (3, 3, 3), (1, 1, 1), (4, 2, 3), (1, 4, 4), (4, 1, 4), (4, 4, 1)])
def test_one_key_stands_for_all_zeros_that_fill_a_window_up(shape):
    attention = random_attention(window=4)
    tokens = torch.randn(2, *shape, 16, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(attention(tokens), attention_over_zeros(attention, tokens), rtol=1e-9, atol=1e-9)


@torch.inference_mode()
def test_a_volume_of_several_windows_is_attended_to_window_by_window(network):
    block = network.image_encoder.blocks[0]
    tokens = torch.randn(1, 4, 4, 4, TINY.width, generator=torch.Generator().manual_seed(7))
    before = block(tokens)
    changed = tokens.clone()
    changed[0, 3, 0, 0] += 1
    moved = (block(changed) - before).abs().amax(-1)[0] > 0
    assert moved[3, :3, :3].all()
    assert moved.sum() == 9


@torch.inference_mode()
def test_many_prompts_at_once_give_what_each_gives_alone(network, embedding):
    random = torch.Generator().manual_seed(8)
    positions = torch.randint(0, 64, (5, 2, 3), generator=random).float()
    labels = torch.tensor([[1, 0], [1, 1], [0, 0], [1, -1], [0, 1]])
    masks = torch.randn(5, 1, 16, 16, 16, generator=random)
    for mask in (None, masks):
        logits, quality = network.decode(embedding, (positions, labels), mask, several=True)
        assert logits.shape == (5, 3, 16, 16, 16)
        for one in range(5):
            part = slice(one, one + 1)
            alone = network.decode(
                embedding, (positions[part], labels[part]), None if mask is None else mask[part], several=True
            )
            torch.testing.assert_close((logits[part], quality[part]), alone, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_one_answer_or_three_come_at_the_size_of_the_input(network, embedding):
    points = torch.tensor([[[10.0, 20.0, 30.0]]]), torch.tensor([[1]])
    for several, masks in ((False, 1), (True, 3)):
        logits, quality = network.decode(embedding, points, None, several)
        assert network.to_volume(logits).shape == (1, masks, 64, 64, 64)
        assert quality.shape == (1, masks)


@torch.inference_mode()
def test_a_padding_point_is_the_same_wherever_it_lies(network):
    positions = torch.tensor([[[1.0, 2.0, 3.0], [40.0, 50.0, 60.0]]])
    tokens, _ = network.prompt_encoder(positions, torch.tensor([[-1, -1]]), None)
    assert tokens.unique(dim=1).shape[1] == 1


def test_encoding_tells_how_far_it_is_and_can_be_ended(network):
    done = []

    def end(fraction: float) -> None:
        done.append(fraction)
        if fraction > 0:
            raise InterruptedError

    with pytest.raises(InterruptedError), torch.inference_mode():
        network.encode(torch.zeros(1, 1, 64, 64, 64), end)
    assert done == [0, 0.5]
