"""HQ-SAM ViT-B gives the recorded outputs of the published code under the kit's seeded weights, layer by layer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.hq_sam import HqSam
from MedSegAICore.networks.sam import ARCHITECTURES, EMBEDDING_CHANNELS
from MedSegAICore.prompt.picture import network_input, resized_shape
from seeded_kit import (
    PROMPTS,
    always_answering,
    answered,
    assert_recorded_probability,
    layout,
    load_seeded_kit,
    tap,
)

SIZE = 1024
ENCODER_TAPS = ("blocks.2", "blocks.11")
DECODER_TAPS = ("compress_vit_feat", "embedding_encoder", "embedding_maskfeature")


@pytest.fixture(scope="module")
def kit(shared):
    return load_seeded_kit(shared / "parity" / "hq_sam_vit_b")


@pytest.fixture(scope="module")
def network(kit):
    """HQ-SAM ViT-B under the kit's rule for weights."""
    network = HqSam(ARCHITECTURES["vit_b"])
    fit_checkpoint(network, kit.weights(network), "hq_sam_vit_b")
    return network


@pytest.fixture(scope="module")
def encoded(kit, network):
    """The input, what the tapped layers gave, and the embedding: the encoder runs once for all tests."""
    outputs = tap(network.image_encoder, ENCODER_TAPS)
    picture = network_input(kit.arrays["in.image"], load_catalogue()["hq_sam_vit_b"].input)[None]
    with torch.inference_mode():
        embedding = network.encode(torch.from_numpy(picture), lambda _done: None)
    return SimpleNamespace(picture=picture, outputs=outputs, embedding=embedding)


@pytest.fixture(scope="module")
def first_features(kit, network, encoded):
    """Fine features of the first recorded prompt."""
    with torch.inference_mode():
        outputs = tap(network.mask_decoder, ("embedding_maskfeature",))
        network.decode(encoded.embedding, *asked(kit, PROMPTS[0]), several=True)
    return outputs["embedding_maskfeature"].clone()


@pytest.fixture
def recorded_network(network, first_features):
    """The network as it was recorded, with one slip that `always_answering` describes."""
    with always_answering(network.mask_decoder.embedding_maskfeature, first_features):
        yield network


def asked(kit, prompt):
    return kit.asked(prompt, resized_shape(kit.picture_shape(), SIZE))


def test_names_shapes_and_types_of_the_parameters_are_the_published_ones_in_their_order(kit):
    assert layout(HqSam(ARCHITECTURES["vit_b"])) == kit.layout()


def test_the_encoder_gives_the_recorded_layers(kit, network, encoded):
    kit.assert_recorded("network_input", encoded.picture)
    for name, output in encoded.outputs.items():
        kit.assert_recorded(f"tap.image_encoder.{name}", output)
    early = encoded.embedding[:, EMBEDDING_CHANNELS:].permute(0, 2, 3, 1)
    kit.assert_recorded("early_features", early)
    kit.assert_recorded("image_embedding", encoded.embedding[:, :EMBEDDING_CHANNELS])
    kit.assert_recorded("image_pe", network.prompt_encoder.get_dense_pe())


@torch.inference_mode()
def test_the_decoder_gives_the_recorded_layers(kit, network, encoded):
    outputs = tap(network.mask_decoder, DECODER_TAPS)
    network.decode(encoded.embedding, *asked(kit, "point_pos"), several=True)
    for name in DECODER_TAPS:
        kit.assert_recorded(f"tap.mask_decoder.{name}", outputs[name])


@torch.inference_mode()
def test_the_first_prompt_gives_the_recorded_masks_and_another_draws_on_fine_features_of_its_own(
    kit, network, encoded, first_features
):
    for several, suffix in ((True, "multi"), (False, "single")):
        logits, _ = network.decode(encoded.embedding, *asked(kit, PROMPTS[0]), several)
        kit.assert_recorded(f"{PROMPTS[0]}.low_res_{suffix}", logits)
    outputs = tap(network.mask_decoder, ("embedding_maskfeature",))
    network.decode(encoded.embedding, *asked(kit, "box"), several=False)
    assert not torch.allclose(outputs["embedding_maskfeature"], first_features)


@pytest.mark.parametrize("prompt", PROMPTS)
@torch.inference_mode()
def test_every_prompt_gives_the_recorded_answer(kit, recorded_network, encoded, prompt):
    network = recorded_network
    points, box, mask = asked(kit, prompt)
    if points is not None:
        kit.assert_recorded(f"{prompt}.coords", points[0])
    if box is not None:
        kit.assert_recorded(f"{prompt}.box_coords", box)
    sparse, dense = network.prompt_encoder(points=points, boxes=box, masks=mask)
    kit.assert_recorded(f"{prompt}.sparse", sparse)
    if mask is not None:
        kit.assert_recorded(f"{prompt}.dense", dense)
    positions = network.prompt_encoder.get_dense_pe()
    alone, _ = network.mask_decoder(encoded.embedding, positions, sparse, dense, multimask_output=True, hq_only=True)
    for several, suffix in ((True, "multi"), (False, "single")):
        logits, quality = network.decode(encoded.embedding, points, box, mask, several)
        kit.assert_recorded(f"{prompt}.low_res_{suffix}", logits)
        kit.assert_recorded(f"{prompt}.low_res_{suffix}_hq_only", alone)
        kit.assert_recorded(f"{prompt}.iou_{suffix}", quality)
        kit.assert_recorded(f"{prompt}.iou_{suffix}_hq_only", quality)
        full = f"{prompt}.mask_logits_{suffix}"
        if f"out.{full}" in kit.arrays:
            shape = kit.picture_shape()
            kit.assert_recorded(full, network.to_picture(logits, resized_shape(shape, SIZE), shape))


def test_the_model_of_the_catalogue_gives_the_recorded_mask_for_a_box(kit, recorded_network, encoded):
    answer = answered(kit, "hq_sam_vit_b", recorded_network, encoded.embedding, box_xyxy=kit.arrays["in.box_xyxy"])
    assert_recorded_probability(kit, "box.mask_logits_single", answer.probability)
