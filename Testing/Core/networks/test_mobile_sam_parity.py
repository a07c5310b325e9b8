"""The networks on TinyViT give the recorded outputs of the published code under the kit's seeded weights."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.mobile_sam import HqMobileSam, LiteMedSam, MobileSam
from MedSegAICore.networks.sam import EMBEDDING_CHANNELS
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

HQ = "hq_sam_vit_tiny"
NETWORKS = {"mobile_sam": MobileSam, "lite_medsam": LiteMedSam, HQ: HqMobileSam}
ENCODER_TAPS = ("patch_embed", "layers.0", "layers.1", "layers.3")
DECODER_TAPS = ("compress_vit_feat", "embedding_encoder", "embedding_maskfeature")


@pytest.fixture(scope="module")
def models(shared):
    """Gives a network by name under the kit's rule for weights, and what its encoder gave: it runs once."""
    return cache(lambda name: seeded(name, load_seeded_kit(shared / "parity" / name)))


@pytest.fixture(params=NETWORKS)
def model(models, request):
    return models(request.param)


def seeded(name, kit):
    network = NETWORKS[name]()
    fit_checkpoint(network, kit.weights(network), name)
    # one folder has its prompts in pixels of the input already
    resized = kit.picture_shape() if name == "lite_medsam" else resized_shape(kit.picture_shape(), 1024)
    picture = network_input(kit.arrays["in.image"], load_catalogue()[name].input)[None]
    outputs = tap(network.image_encoder, ENCODER_TAPS)
    with torch.inference_mode():
        embedding = network.encode(torch.from_numpy(picture), lambda _done: None)
    return SimpleNamespace(
        name=name,
        kit=kit,
        network=network,
        picture=picture,
        outputs=outputs,
        embedding=embedding,
        asked=lambda prompt: kit.asked(prompt, resized),
    )


@pytest.fixture(scope="module")
def as_recorded(models):
    """Gives the conditions that a network's answers to prompts were recorded under."""

    @cache
    @torch.inference_mode()
    def first_features():
        model = models(HQ)
        outputs = tap(model.network.mask_decoder, ("embedding_maskfeature",))
        model.network.decode(model.embedding, *model.asked(PROMPTS[0]), several=True)
        return outputs["embedding_maskfeature"]

    def conditions(model):
        if model.name != HQ:
            return nullcontext()
        return always_answering(model.network.mask_decoder.embedding_maskfeature, first_features())

    return conditions


def test_names_shapes_and_types_of_the_parameters_are_the_published_ones_in_their_order(model):
    assert layout(NETWORKS[model.name]()) == layout(model.network) == model.kit.layout()


def test_the_encoder_gives_the_recorded_layers(model):
    kit = model.kit
    kit.assert_recorded("network_input", model.picture)
    for name, output in model.outputs.items():
        if f"out.tap.image_encoder.{name}" in kit.arrays:
            tokens = output if name == "patch_embed" else output.flatten(2).transpose(1, 2)
            kit.assert_recorded(f"tap.image_encoder.{name}", tokens)
    kit.assert_recorded("image_embedding", model.embedding[:, :EMBEDDING_CHANNELS])
    kit.assert_recorded("image_pe", model.network.prompt_encoder.get_dense_pe())


@pytest.mark.parametrize("prompt", PROMPTS)
@torch.inference_mode()
def test_every_prompt_gives_the_recorded_answer(model, as_recorded, prompt):
    kit, network = model.kit, model.network
    points, box, mask = model.asked(prompt)
    sparse, dense = network.prompt_encoder(points=points, boxes=box, masks=mask)
    kit.assert_recorded(f"{prompt}.sparse", sparse)
    if mask is not None:
        kit.assert_recorded(f"{prompt}.dense", dense)
    for several, suffix in ((True, "multi"), (False, "single")):
        with as_recorded(model):
            logits, quality = network.decode(model.embedding, points, box, mask, several)
        kit.assert_recorded(f"{prompt}.low_res_{suffix}", logits)
        kit.assert_recorded(f"{prompt}.iou_{suffix}", quality)
        full = f"{prompt}.mask_logits_{suffix}"
        if f"out.{full}" in kit.arrays:
            shape = kit.picture_shape()
            kit.assert_recorded(full, network.to_picture(logits, resized_shape(shape, network.image_size), shape))


@torch.inference_mode()
def test_the_box_on_the_original_picture_gives_the_recorded_answer_of_lite_medsam(models):
    model = models("lite_medsam")
    kit, shape = model.kit, model.kit.picture_shape()
    box = torch.from_numpy(np.trunc(kit.arrays["in.box_original"] * (256 / max(shape))).astype(np.float32))[None]
    kit.assert_recorded("original_box.box_256", box.reshape(kit.arrays["out.original_box.box_256"].shape))
    logits, quality = model.network.decode(model.embedding, None, box, None, several=False)
    kit.assert_recorded("original_box.low_res_single", logits)
    kit.assert_recorded("original_box.iou_single", quality)
    kit.assert_recorded("original_box.mask_logits", model.network.to_picture(logits, resized_shape(shape, 256), shape))


@pytest.mark.parametrize(
    ("name", "box", "recorded"),
    [
        ("mobile_sam", "in.box_xyxy", "box.mask_logits_single"),
        (HQ, "in.box_xyxy", "box.mask_logits_single"),
        ("lite_medsam", "in.box_original", "original_box.mask_logits"),
    ],
)
def test_the_model_of_the_catalogue_gives_the_recorded_mask_for_a_box(models, as_recorded, name, box, recorded):
    model = models(name)
    with as_recorded(model):
        answer = answered(model.kit, name, model.network, model.embedding, box_xyxy=model.kit.arrays[box])
    assert_recorded_probability(model.kit, recorded, answer.probability)


@torch.inference_mode()
def test_the_first_prompt_gives_the_recorded_layers_and_masks_of_hq_sam(models):
    model = models(HQ)
    kit, network = model.kit, model.network
    kit.assert_recorded("early_features", model.embedding[:, EMBEDDING_CHANNELS:].permute(0, 2, 3, 1))
    outputs = tap(network.mask_decoder, DECODER_TAPS)
    for several, suffix in ((True, "multi"), (False, "single")):
        logits, _ = network.decode(model.embedding, *model.asked(PROMPTS[0]), several)
        kit.assert_recorded(f"{PROMPTS[0]}.low_res_{suffix}", logits)
    for name in DECODER_TAPS:
        kit.assert_recorded(f"tap.mask_decoder.{name}", outputs[name])


@pytest.mark.parametrize("prompt", PROMPTS)
@torch.inference_mode()
def test_the_finer_mask_alone_is_the_recorded_one_of_hq_sam(models, as_recorded, prompt):
    model = models(HQ)
    points, box, mask = model.asked(prompt)
    sparse, dense = model.network.prompt_encoder(points=points, boxes=box, masks=mask)
    positions = model.network.prompt_encoder.get_dense_pe()
    with as_recorded(model):
        logits, quality = model.network.mask_decoder(model.embedding, positions, sparse, dense, True, hq_only=True)
    for suffix in ("multi", "single"):  # which of SAM's masks is left out does not matter
        model.kit.assert_recorded(f"{prompt}.low_res_{suffix}_hq_only", logits)
    model.kit.assert_recorded(f"{prompt}.iou_multi_hq_only", quality)
