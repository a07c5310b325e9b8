"""What SAM-Med2D and SAMed change in SAM, on networks that are small enough to look into."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from MedSegAICore.errors import WeightsMismatch
from MedSegAICore.networks.sam import Sam
from MedSegAICore.networks.sam_med2d import SamMed2d
from MedSegAICore.networks.samed import Samed, SamedAddition
from tiny_sam import TINY, random_state

SMALL = replace(TINY, width=32, depth=2, image_size=128)
CLASSES = 3


def loaded(network, seed):
    network.load_state_dict(random_state(network, seed), assign=True)
    return network


def picture(size, pictures=1):
    return torch.randn(pictures, 3, size, size, generator=torch.Generator().manual_seed(size))


def encode(network, size):
    return network.encode(picture(size), lambda _done: None)


@torch.inference_mode()
def test_silent_adapters_leave_sam_as_it_is():
    network = loaded(SamMed2d(SMALL), seed=1)
    for block in network.image_encoder.blocks:
        block.Adapter.norm.weight.zero_()
        block.Adapter.norm.bias.zero_()
    plain = Sam(SMALL)
    own = {name: tensor for name, tensor in network.state_dict().items() if ".Adapter." not in name}
    plain.load_state_dict(own, assign=True)
    torch.testing.assert_close(encode(network, SMALL.image_size), encode(plain, SMALL.image_size))


@torch.inference_mode()
def test_sam_med2d_answers_points_box_and_mask_on_pictures_of_another_size():
    network = loaded(SamMed2d(replace(SMALL, image_size=192)), seed=1)
    points = torch.tensor([[[40.0, 60.0], [90.0, 20.0]]]), torch.tensor([[1, 0]])
    box, mask = torch.tensor([[10.0, 20.0, 150.0, 170.0]]), torch.zeros(1, 1, 48, 48)
    logits, quality = network.decode(encode(network, 192), points, box, mask, several=True)
    assert logits.shape == (1, 3, 48, 48)
    assert quality.shape == (1, 3)


def test_sam_med2d_refuses_pictures_that_its_adapters_cannot_halve():
    with pytest.raises(ValueError, match="multiple of 32"):
        SamMed2d(replace(SMALL, image_size=144))


@torch.inference_mode()
def test_sam_med2d_in_half_precision_stays_close():
    network = loaded(SamMed2d(SMALL), seed=1)
    expected = encode(network, SMALL.image_size)
    network.compute_in(torch.bfloat16)
    assert network.image_encoder.blocks[0].Adapter.spatial[0].weight.dtype is torch.bfloat16
    found = encode(network, SMALL.image_size)
    assert found.dtype is torch.float32
    assert (found - expected).abs().max() < 0.1 * expected.abs().max()


@pytest.mark.parametrize("rank", [1, 4])
@torch.inference_mode()
def test_queries_and_values_gain_what_the_thin_matrices_give_and_keys_nothing(rank):
    base, addition = loaded(Sam(SMALL), seed=1), loaded(SamedAddition(SMALL, CLASSES, rank), seed=2)
    tokens = torch.randn(5, SMALL.width, generator=torch.Generator().manual_seed(0))
    merged = addition.added_to(base).image_encoder.blocks[1].attn.qkv(tokens)
    gained = (merged - base.image_encoder.blocks[1].attn.qkv(tokens)).chunk(3, dim=1)
    expected_query = tokens @ addition.w_a_002.T @ addition.w_b_002.T
    expected_value = tokens @ addition.w_a_003.T @ addition.w_b_003.T
    torch.testing.assert_close(gained[0], expected_query, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gained[1], torch.zeros_like(tokens))
    torch.testing.assert_close(gained[2], expected_value, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_samed_labels_several_slices_of_another_size_than_its_base_saw():
    base = loaded(Sam(replace(SMALL, image_size=256)), seed=1)
    samed = loaded(SamedAddition(SMALL, CLASSES), seed=2).added_to(base)
    embedding = samed.encode(picture(SMALL.image_size, pictures=2), lambda _done: None)
    logits, quality = samed.label(embedding)
    assert logits.shape == (2, 1 + CLASSES, 32, 32)
    assert quality.shape == (2, 1 + CLASSES)
    alone, _ = samed.label(embedding[1:])
    torch.testing.assert_close(logits[1:], alone, rtol=1e-4, atol=1e-4)


def test_the_base_keeps_its_weights():
    base = loaded(Sam(SMALL), seed=1)
    before = {name: tensor.clone() for name, tensor in base.state_dict().items()}
    loaded(SamedAddition(SMALL, CLASSES), seed=2).added_to(base)
    assert all(torch.equal(before[name], tensor) for name, tensor in base.state_dict().items())


@pytest.mark.parametrize("other", [{"depth": 1, "global_blocks": ()}, {"depth": 3}, {"width": 64}])
def test_an_addition_for_another_variant_of_sam_is_refused(other):
    addition = loaded(SamedAddition(replace(SMALL, **other), CLASSES), seed=2)
    with pytest.raises(WeightsMismatch, match="of 2 with 32"):
        addition.added_to(loaded(Sam(SMALL), seed=1))


def test_the_networks_classes_are_those_asked_for():
    assert Samed(SMALL, classes=5).mask_decoder.mask_tokens.weight.shape[0] == 6
