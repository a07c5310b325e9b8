"""SAMed, merged into a SAM ViT-B, gives the recorded outputs of the published code under the kit's seeded weights."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.resized_positions import resized_positions
from MedSegAICore.networks.sam import ARCHITECTURES, Sam
from MedSegAICore.networks.samed import VIT_B, Samed, SamedAddition
from seeded_kit import layout, load_seeded_kit, tap

SIZE = 512
TAPS = ("patch_embed", "blocks.0.attn.qkv", "blocks.0", "blocks.2", "blocks.11")


@pytest.fixture(scope="module")
def kit(shared):
    return load_seeded_kit(shared / "parity" / "samed_vit_b")


@pytest.fixture(scope="module")
def networks(kit):
    """The base for pictures of 1024 pixels, and the base with the addition, under the kit's rule for weights."""
    base, addition = Sam(ARCHITECTURES["vit_b"]), SamedAddition()
    fit_checkpoint(base, kit.weights(base), "sam_vit_b")
    fit_checkpoint(addition, kit.weights(addition), "samed_vit_b")
    return SimpleNamespace(base=base, samed=addition.added_to(base))


@pytest.fixture(scope="module")
def slices(kit):
    grey = torch.from_numpy(kit.arrays["in.image"].astype(np.float32) / 255)
    return grey.expand(1, 3, SIZE, SIZE)


@pytest.fixture(scope="module")
def encoded(networks, slices):
    """What the tapped layers gave, and the embedding: the encoder runs once for all tests."""
    outputs = tap(networks.samed.image_encoder, TAPS)
    with torch.inference_mode():
        embedding = networks.samed.encode(slices, lambda _done: None)
    return SimpleNamespace(outputs=outputs, embedding=embedding)


def test_the_parameters_of_base_and_addition_are_the_published_ones_in_their_order(kit):
    assert layout(Sam(ARCHITECTURES["vit_b"])) == kit.layout("base_keys.json")
    assert layout(SamedAddition()) == kit.layout()


def test_the_merged_network_has_the_published_parameters_but_for_those_that_were_merged(kit):
    published = [
        (name.replace("qkv.qkv", "qkv"), shape, dtype)
        for name, shape, dtype in kit.layout("full_keys.json")
        if "qkv.linear_" not in name
    ]
    assert layout(Samed()) == published


@torch.inference_mode()
def test_the_base_alone_gives_the_recorded_embedding_at_the_smaller_size(kit, networks, slices):
    smaller = Sam(VIT_B)
    smaller.load_state_dict(resized_positions(networks.base.state_dict(), VIT_B), assign=True)
    kit.assert_recorded("base_only.image_embedding", smaller.encode(slices, lambda _done: None))


def test_the_adapted_encoder_gives_the_recorded_layers(kit, encoded):
    for name in TAPS:
        kit.assert_recorded(f"tap.image_encoder.{name}", encoded.outputs[name])
    kit.assert_recorded("image_embedding", encoded.embedding)


@torch.inference_mode()
def test_every_class_gets_its_recorded_mask(kit, networks, encoded):
    logits, quality = networks.samed.label(encoded.embedding)
    kit.assert_recorded("low_res_logits", logits)
    kit.assert_recorded("iou_predictions", quality)
    kit.assert_recorded("masks", networks.samed.to_picture(logits, (SIZE, SIZE), (SIZE, SIZE)))


def test_weights_that_the_addition_leaves_alone_are_not_copied(networks):
    base, samed = networks.base.image_encoder, networks.samed.image_encoder
    assert samed.blocks[0].mlp.lin1.weight.data_ptr() == base.blocks[0].mlp.lin1.weight.data_ptr()
    assert samed.blocks[0].attn.rel_pos_h.data_ptr() == base.blocks[0].attn.rel_pos_h.data_ptr()
