"""SAM-Med2D gives the recorded outputs of the published code under the kit's seeded weights, layer by layer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.sam_med2d import SamMed2d
from MedSegAICore.prompt.picture import network_input
from seeded_kit import PROMPTS, answered, assert_recorded_probability, layout, load_seeded_kit, tap

SIZE = 256
TAPS = ("patch_embed", "blocks.0", "blocks.0.Adapter", "blocks.2", "blocks.11")


@pytest.fixture(scope="module")
def kit(shared):
    return load_seeded_kit(shared / "parity" / "sam_med2d")


@pytest.fixture(scope="module")
def network(kit):
    """SAM-Med2D under the kit's rule for weights."""
    network = SamMed2d()
    fit_checkpoint(network, kit.weights(network), "sam_med2d")
    return network


@pytest.fixture(scope="module")
def encoded(kit, network):
    """The input, what the tapped layers gave, and the embedding: the encoder runs once for all tests."""
    outputs = tap(network.image_encoder, TAPS)
    picture = torch.from_numpy(network_input(kit.arrays["in.image"], load_catalogue()["sam_med2d_b"].input))[None]
    with torch.inference_mode():
        embedding = network.encode(picture, lambda _done: None)
    return SimpleNamespace(picture=picture, outputs=outputs, embedding=embedding)


def test_names_shapes_and_types_of_the_parameters_are_the_published_ones_in_their_order(kit):
    assert layout(SamMed2d()) == kit.layout()


def test_the_encoder_gives_the_recorded_layers(kit, encoded):
    kit.assert_recorded("network_input", encoded.picture)
    for name in TAPS:
        kit.assert_recorded(f"tap.image_encoder.{name}", encoded.outputs[name])
    kit.assert_recorded("image_embedding", encoded.embedding)


def test_the_position_code_of_the_embedding_is_the_recorded_one(kit, network):
    kit.assert_recorded("image_pe", network.prompt_encoder.get_dense_pe())


@pytest.mark.parametrize("prompt", PROMPTS)
@torch.inference_mode()
def test_every_prompt_gives_the_recorded_answer(kit, network, encoded, prompt):
    points, box, mask = kit.asked(prompt, (SIZE, SIZE))
    if points is not None:
        kit.assert_recorded(f"{prompt}.coords", points[0])
    if box is not None:
        kit.assert_recorded(f"{prompt}.box_coords", box)
    sparse, dense = network.prompt_encoder(points=points, boxes=box, masks=mask)
    kit.assert_recorded(f"{prompt}.sparse", sparse)
    if mask is not None:
        kit.assert_recorded(f"{prompt}.dense", dense)
    for several, suffix in ((True, "multi"), (False, "single")):
        logits, quality = network.decode(encoded.embedding, points, box, mask, several)
        kit.assert_recorded(f"{prompt}.low_res_{suffix}", logits)
        kit.assert_recorded(f"{prompt}.iou_{suffix}", quality)
        if prompt == "box" and not several:
            kit.assert_recorded("box.mask_logits_single", network.to_picture(logits, (SIZE, SIZE), kit.picture_shape()))


@torch.inference_mode()
def test_the_mask_of_best_predicted_quality_is_the_recorded_one(kit, network, encoded):
    points, box, mask = kit.asked("points_mixed", (SIZE, SIZE))
    logits, quality = network.decode(encoded.embedding, points, box, mask, several=True)
    best = quality[0].argmax()
    picture = network.to_picture(logits[:, best][:, None], (SIZE, SIZE), kit.picture_shape())
    kit.assert_recorded("points_mixed.best_iou", quality[:, best])
    kit.assert_recorded("points_mixed.best_mask_logits", picture[0])


def test_the_model_of_the_catalogue_gives_the_recorded_mask_for_two_clicks(kit, network, encoded):
    points, positive = kit.arrays["in.points_xy"], kit.arrays["in.points_label"] == 1
    answer = answered(kit, "sam_med2d_b", network, encoded.embedding, points=points, positive=positive)
    assert_recorded_probability(kit, "points_mixed.best_mask_logits", answer.probability)
    assert answer.quality == pytest.approx(np.clip(kit.arrays["out.points_mixed.best_iou"][0], 0, 1), abs=1e-4)
