"""TinyViT and the networks on it, small enough to look into."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from MedSegAICore.networks.mobile_sam import HqMobileSam, LiteMedSam, MobileSam
from MedSegAICore.networks.tiny_vit import ConvolutionalBlock, TinyVitArchitecture, WindowAttention, WindowBlock
from tiny_sam import random_state

SMALL = TinyVitArchitecture(
    image_size=64, classes=3, widths=(8, 16, 24, 32), depths=(1, 1, 2, 1), heads=(1, 2, 3, 4), windows=(2, 3, 4, 2)
)
SMALL_LITE = replace(SMALL, image_size=32, stem_pixels=1, classes=0)
TWO_STAGES = TinyVitArchitecture(
    image_size=32, classes=0, widths=(16, 32), depths=(1, 1), heads=(1, 2), windows=(4, 4)
)  # of width 32 and depth 2 altogether
BOX = torch.tensor([[4.0, 6.0, 20.0, 25.0]])


def filled(network, seed=0):
    state = random_state(network, seed)
    for name, tensor in state.items():
        if name.endswith("running_var"):
            state[name] = 1 + tensor.abs()
    state |= {name: torch.tensor(0) for name in state if name.endswith("num_batches_tracked")}
    network.load_state_dict(state, assign=True)
    return network


def picture(size, seed=0):
    return torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(seed))


def nothing(_done):
    pass


@pytest.mark.parametrize(
    ("kind", "architecture", "side", "channels", "masks"),
    [
        (MobileSam, SMALL, 4, 256, 3),
        (MobileSam, replace(SMALL, image_size=96), 6, 256, 3),
        (MobileSam, TWO_STAGES, 8, 256, 3),
        (LiteMedSam, SMALL_LITE, 8, 256, 3),
        (HqMobileSam, SMALL, 4, 256 + 24, 1),
    ],
)
@torch.inference_mode()
def test_every_network_on_it_answers_a_prompt(kind, architecture, side, channels, masks):
    network = filled(kind(architecture))
    embedding = network.encode(picture(architecture.image_size), nothing)
    assert embedding.shape == (1, channels, side, side)
    points = torch.tensor([[[9.0, 12.0]]]), torch.tensor([[1]])
    logits, quality = network.decode(embedding, points, BOX, torch.zeros(1, 1, 4 * side, 4 * side), several=True)
    assert logits.shape == (1, masks, 4 * side, 4 * side)
    assert quality.shape == (1, masks)
    assert network.to_picture(logits, (20, 30), (40, 60)).shape == (1, masks, 40, 60)
    assert network.within_picture(embedding, (architecture.image_size, architecture.image_size)).shape[-1] == side


@torch.inference_mode()
def test_the_early_features_behind_the_embedding_are_those_before_the_third_stage():
    network = filled(HqMobileSam(SMALL))
    outputs = []
    network.image_encoder.layers[1].register_forward_hook(lambda _stage, _taken, output: outputs.append(output))
    assert torch.equal(network.encode(picture(64), nothing)[:, 256:], outputs[0])


@torch.inference_mode()
def test_progress_is_told_before_every_block_and_what_it_raises_ends_the_encoding():
    network = filled(MobileSam(SMALL))
    told = []
    network.encode(picture(64), told.append)
    assert told == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])

    def stop(done):
        if done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        network.encode(picture(64), stop)


@torch.inference_mode()
def test_half_precision_changes_the_embedding_little_and_leaves_it_in_single_precision():
    network = filled(MobileSam(SMALL))
    exact = network.encode(picture(64), nothing)
    network.compute_in(torch.bfloat16)
    rough = network.encode(picture(64), nothing)
    assert rough.dtype == torch.float32
    assert not torch.equal(rough, exact)
    assert (rough - exact).abs().max() < 0.05 * exact.abs().max()


@torch.inference_mode()
def test_attention_adds_one_learned_number_for_every_distance_to_the_scores():
    attention = filled(WindowAttention(width=12, heads=3, window=3))
    tokens = torch.randn(2, 9, 12, generator=torch.Generator().manual_seed(1))
    query, key, value = attention.qkv(attention.norm(tokens)).reshape(2, 9, 3, 12).split(4, dim=3)
    places = [(row, column) for row in range(3) for column in range(3)]
    gathered = torch.zeros(2, 9, 3, 4)
    for head in range(3):
        biases = attention.attention_biases[head].tolist()
        bias = torch.tensor([[biases[3 * abs(a - c) + abs(b - d)] for c, d in places] for a, b in places])
        scores = query[:, :, head] @ key[:, :, head].transpose(1, 2) / 2 + bias
        gathered[:, :, head] = scores.softmax(dim=2) @ value[:, :, head]
    torch.testing.assert_close(attention(tokens), attention.proj(gathered.flatten(2)))


@torch.inference_mode()
def test_a_window_sees_no_other_window_but_the_convolution_behind_it_does():
    block = filled(WindowBlock(width=8, heads=2, window=4)).eval()
    features = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(2))
    changed = features.clone()
    changed[:, 0, 0, 0] += 1
    difference = (block._attend(changed) - block._attend(features)).abs().amax(dim=(0, 1))
    assert (difference[:4, :4] > 0).all()
    assert difference[4:].max() == difference[:, 4:].max() == 0
    reached = (block(changed) - block(features)).abs().amax(dim=(0, 1)) > 0
    assert reached[:5, :5].all()
    assert not reached[5:].any()


@torch.inference_mode()
def test_a_block_of_convolutions_adds_what_it_finds_to_what_it_was_given():
    block = filled(ConvolutionalBlock(width=4)).eval()
    features = torch.randn(1, 4, 5, 5, generator=torch.Generator().manual_seed(3))
    block.conv3.bn.weight.zero_()
    block.conv3.bn.bias.zero_()
    torch.testing.assert_close(block(features), torch.nn.functional.gelu(features))
