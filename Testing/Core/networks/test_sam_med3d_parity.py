"""SAM-Med3D gives the recorded outputs of its authors' code under the kit's seeded weights, layer by layer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.sam_med3d.network import SamMed3d
from seeded_kit import layout, load_seeded_kit, tap

TAPS = tuple(f"image_encoder.{name}" for name in ("patch_embed", "blocks.0", "blocks.2", "blocks.11"))
PROMPTS = ("point_pos", "point_neg", "points_mixed", "first_click", "mask_points")
WITH_MASK = ("first_click", "mask_points")
ANSWERS = ("low_res_single", "iou_single", "low_res_multi", "iou_multi")


@pytest.fixture(scope="module")
def kit(shared):
    return load_seeded_kit(shared / "parity" / "sam_med3d")


@pytest.fixture(scope="module")
def network(kit):
    """The published size under the kit's rule for weights."""
    network = SamMed3d()
    fit_checkpoint(network, kit.weights(network), "sam_med3d")
    return network


@pytest.fixture(scope="module")
def encoded(kit, network):
    """The input, what the tapped layers gave, and the embedding: the encoder runs once for all tests."""
    outputs, volume = tap(network, TAPS), recorded_volume(kit)
    with torch.inference_mode():
        embedding = network.encode(volume, lambda _done: None)
    return SimpleNamespace(volume=volume, outputs=outputs, embedding=embedding)


def recorded_volume(kit):
    """Return the input, which the rule for weights describes as well: 50 times what it gives to `parity.input`."""
    holder = torch.nn.Module()
    holder.register_buffer("input", torch.empty(1, 1, 128, 128, 128, device="meta"))
    return 50 * kit.weights(torch.nn.ModuleDict({"parity": holder}))["parity.input"]


def asked(kit, prompt):
    """Return positions, labels and earlier logits of a recorded prompt."""
    positions, labels = kit.tensor("points_ijk")[None], kit.tensor("points_label")[None]
    if prompt not in ("points_mixed", "mask_points"):
        positions, labels = positions[:, :1], torch.tensor([[0 if prompt == "point_neg" else 1]])
    earlier = {"first_click": torch.zeros(1, 1, 32, 32, 32), "mask_points": kit.tensor("mask_logits")[None].float()}
    return positions, labels, earlier.get(prompt)


def test_names_shapes_and_types_of_the_parameters_are_the_published_ones_in_their_order(kit):
    assert layout(SamMed3d()) == kit.layout()


def test_the_encoder_gives_the_recorded_layers(kit, encoded):
    kit.assert_recorded("network_input_check", encoded.volume)
    for name in TAPS:
        kit.assert_recorded(f"tap.{name}", encoded.outputs[name])
    kit.assert_recorded("image_embedding", encoded.embedding)


def test_the_position_code_of_the_embedding_is_the_recorded_one(kit, network):
    kit.assert_recorded("image_pe", network.prompt_encoder.dense_position_code())


@pytest.mark.parametrize("prompt", PROMPTS)
@torch.inference_mode()
def test_every_prompt_gives_the_recorded_answer(kit, network, encoded, prompt):
    positions, labels, mask = asked(kit, prompt)
    tokens, features = network.prompt_encoder(positions, labels, mask)
    kit.assert_recorded(f"{prompt}.sparse", tokens)
    if mask is not None:
        kit.assert_recorded(f"{prompt}.dense", features)
    for several, suffix in ((True, "multi"), (False, "single")):
        logits, quality = network.decode(encoded.embedding, (positions, labels), mask, several)
        kit.assert_recorded(f"{prompt}.low_res_{suffix}", logits)
        kit.assert_recorded(f"{prompt}.iou_{suffix}", quality)
    if prompt == "mask_points":
        kit.assert_recorded("mask_points.mask_logits", network.to_volume(logits))


def test_every_recorded_output_is_compared(kit):
    compared = {"network_input_check", "image_embedding", "image_pe", "mask_points.mask_logits"}
    compared |= {f"tap.{name}" for name in TAPS} | {f"{prompt}.dense" for prompt in WITH_MASK}
    compared |= {f"{prompt}.{answer}" for prompt in PROMPTS for answer in ("sparse", *ANSWERS)}
    assert {name.removeprefix("out.") for name in kit.arrays if name.startswith("out.")} == compared
