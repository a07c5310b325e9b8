"""SAM ViT-B gives the recorded outputs of the package under the kit's seeded weights, layer by layer."""

from __future__ import annotations

import json
from importlib import util
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.sam import ARCHITECTURES, Sam
from MedSegAICore.prompt.picture import network_input, resized_shape

SIZE = 1024
PROMPTS = ("point_pos", "point_neg", "points_mixed", "box", "box_points", "mask_point")
TAPS = ("patch_embed", "blocks.0", "blocks.2", "blocks.11")


@pytest.fixture(scope="session")
def kit(shared):
    """The recorded inputs and outputs, how they were thinned out, and the tolerance."""
    folder = shared / "parity" / "sam_vit_b"
    with np.load(folder / "io.npz") as arrays:
        return SimpleNamespace(
            arrays=dict(arrays),
            spec=json.loads((folder / "spec.json").read_text()),
            keys=json.loads((folder / "keys.json").read_text()),
            rule=shared / "parity" / "seeded_weights.py",
        )


@pytest.fixture(scope="session")
def network(kit):
    """ViT-B under the kit's rule for weights."""
    rule_spec = util.spec_from_file_location("seeded_weights", kit.rule)
    rule = util.module_from_spec(rule_spec)
    rule_spec.loader.exec_module(rule)
    network = Sam(ARCHITECTURES["vit_b"])
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    seed = kit.spec["seed"]
    state = {name: torch.from_numpy(rule.seeded_array(name, shape, seed)) for name, shape in shapes.items()}
    fit_checkpoint(network, state, "sam_vit_b")
    return network


@pytest.fixture(scope="session")
def encoded(kit, network):
    """The input, what the tapped layers gave, and the embedding: the encoder runs once for all tests."""
    outputs = {}
    for name in TAPS:
        layer = network.image_encoder.get_submodule(name)
        layer.register_forward_hook(lambda _layer, _inputs, output, name=name: outputs.update({name: output}))
    picture = network_input(kit.arrays["in.image"], load_catalogue()["sam_vit_b"].input)[None]
    with torch.inference_mode():
        embedding = network.encode(torch.from_numpy(picture), lambda _done: None)
    return SimpleNamespace(picture=picture, outputs=outputs, embedding=embedding)


def assert_recorded(kit, name, found):
    expected = kit.arrays[f"out.{name}"]
    stored = kit.spec["outputs"][f"out.{name}"]["stored"]
    if stored != "all":
        steps = [slice(None, None, int(step.strip(" :[]"))) for step in stored.split(",")]
        found = np.asarray(found)[tuple(steps)]
    assert np.abs(np.asarray(found) - expected).max() <= 1e-4 * np.abs(expected).max()


def asked(kit, prompt):
    """Return points, box and mask of a recorded prompt as the network takes them."""
    arrays = kit.arrays
    shape = arrays["in.image"].shape[:2]
    scale = np.array(resized_shape(shape, SIZE)[::-1]) / np.array(shape[::-1])
    positions = {
        "point_pos": arrays["in.point_xy"],
        "point_neg": arrays["in.point_xy"],
        "mask_point": arrays["in.point_xy"],
        "points_mixed": arrays["in.points_xy"],
        "box_points": arrays["in.points_xy"],
    }.get(prompt)
    points = None
    if positions is not None:
        labels = arrays["in.points_label"] if len(positions) == 2 else np.array([0 if prompt == "point_neg" else 1])
        points = torch.as_tensor(positions * scale, dtype=torch.float32)[None], torch.as_tensor(labels)[None]
    box = None
    if "box" in prompt:
        corners = arrays["in.box_xyxy"].reshape(2, 2) * scale
        box = torch.as_tensor(corners, dtype=torch.float32).reshape(1, 4)
    mask = torch.from_numpy(arrays["in.mask_logits"].astype(np.float32))[None] if prompt == "mask_point" else None
    return points, box, mask


def test_names_and_shapes_of_the_parameters_are_the_published_ones_in_their_order(kit):
    found = [(name, list(tensor.shape)) for name, tensor in Sam(ARCHITECTURES["vit_b"]).state_dict().items()]
    assert found == [(entry["name"], entry["shape"]) for entry in kit.keys]


def test_the_encoder_gives_the_recorded_layers(kit, encoded):
    assert_recorded(kit, "network_input", encoded.picture)
    for name in TAPS:
        assert_recorded(kit, f"tap.image_encoder.{name}", encoded.outputs[name])
    assert_recorded(kit, "image_embedding", encoded.embedding)


def test_the_position_code_of_the_embedding_is_the_recorded_one(kit, network):
    assert_recorded(kit, "image_pe", network.prompt_encoder.get_dense_pe())


@pytest.mark.parametrize("prompt", PROMPTS)
@torch.inference_mode()
def test_every_prompt_gives_the_recorded_answer(kit, network, encoded, prompt):
    points, box, mask = asked(kit, prompt)
    sparse, dense = network.prompt_encoder(points=points, boxes=box, masks=mask)
    assert_recorded(kit, f"{prompt}.sparse", sparse)
    if mask is not None:
        assert_recorded(kit, f"{prompt}.dense", dense)
    shape = kit.arrays["in.image"].shape[:2]
    for several, suffix in ((True, "multi"), (False, "single")):
        logits, quality = network.decode(encoded.embedding, points, box, mask, several)
        assert_recorded(kit, f"{prompt}.low_res_{suffix}", logits)
        assert_recorded(kit, f"{prompt}.iou_{suffix}", quality)
        full = f"{prompt}.mask_logits_{suffix}"
        if f"out.{full}" in kit.arrays:
            assert_recorded(kit, full, network.to_picture(logits, resized_shape(shape, SIZE), shape))
