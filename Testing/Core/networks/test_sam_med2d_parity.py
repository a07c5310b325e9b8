"""SAM-Med2D gives the recorded outputs of the published code under the kit's seeded weights, layer by layer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.sam_med2d import SamMed2d
from MedSegAICore.prompt.nearest_resize import resize_nearest
from seeded_kit import PROMPTS, layout, load_seeded_kit, tap

SIZE = 256
MEAN, STD = np.float32([123.675, 116.28, 103.53]), np.float32([58.395, 57.12, 57.375])
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
    picture = squashed(kit.arrays["in.image"])
    with torch.inference_mode():
        embedding = network.encode(picture, lambda _done: None)
    return SimpleNamespace(picture=picture, outputs=outputs, embedding=embedding)


def squashed(levels):
    """Return a picture as the network's input: normalised, then the nearest pixel's value, whatever the aspect."""
    normalised = (levels.astype(np.float32) - MEAN) / STD
    return torch.from_numpy(resize_nearest(normalised, (SIZE, SIZE)).transpose(2, 0, 1))[None]


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
