"""Both versions of MedSegDiff give the recorded outputs of their authors' code under the kit's seeded weights."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.highway_unet import FrequencyFilter
from MedSegAICore.networks.medsegdiff import PUBLISHED, SMALL, MedSegDiffV1, MedSegDiffV2, anchors
from seeded_kit import layout, load_seeded_kit, tap
from torch import nn

TOLERANCE = 2e-5
"""Rounding is 4e-6 of the scale."""


def seeded(kit, network):
    """Give a network the weights of the kit's rule, with the exceptions that its description names."""
    weights = kit.weights(network)
    for name, tensor in weights.items():
        if name.endswith("complex_weight"):
            weights[name] = 0.15 * plain(kit, name, tensor.shape)
        elif "conv_trans_blocks_a" in name and name.endswith("bias"):
            weights[name] = tensor + 1
    fit_checkpoint(network, weights, "medsegdiff")
    return network.eval()


def plain(kit, name, shape):
    """Return the standard normal numbers that the rule draws for a name."""
    chance = np.random.default_rng(zlib.crc32(name.encode()) + kit.spec["seed"])
    return torch.from_numpy(chance.standard_normal(tuple(shape), dtype=np.float32))


def asked(kit):
    return torch.cat([kit.tensor("image"), kit.tensor("x_t")], dim=1), kit.tensor("t")


@pytest.mark.parametrize(
    ("folder", "build"),
    [
        ("medsegdiff_v1", MedSegDiffV1),
        ("medsegdiff_v2", MedSegDiffV2),
        ("medsegdiff_v2_small", lambda: MedSegDiffV2(SMALL)),
    ],
)
def test_names_shapes_and_types_of_the_parameters_are_the_published_ones_in_their_order(shared, folder, build):
    with torch.device("meta"):
        network = build()
    assert layout(network) == load_seeded_kit(shared / "parity" / folder).layout()


@torch.inference_mode()
def test_the_first_version_gives_the_recorded_outputs(shared):
    kit = load_seeded_kit(shared / "parity" / "medsegdiff_v1")
    network = seeded(kit, MedSegDiffV1())
    names = [name.removeprefix("out.tap.") for name in kit.arrays if name.startswith("out.tap.")]
    outputs = tap(network, tuple(names))
    out, coarse = network(*asked(kit))
    kit.assert_recorded("out_zero_head", out, TOLERANCE)
    kit.assert_recorded("cal", coarse, TOLERANCE)
    for name in set(names) - {"middle_block"}:
        kit.assert_recorded(f"tap.{name}", outputs[name], TOLERANCE)
    network.deepest_head = published_head(kit)
    recorded = tap(network, ("deepest_head",))
    kit.assert_recorded("out", network(*asked(kit))[0], TOLERANCE)
    kit.assert_recorded("highway_embedding", recorded["deepest_head"], TOLERANCE)
    kit.assert_recorded("tap.middle_block", outputs["middle_block"], TOLERANCE)


def published_head(kit):
    """Return the convolution that the public code draws anew at every call, as it was fixed for the record."""
    head = nn.Conv2d(480, 512, 1)
    weight = plain(kit, "fresh_head.weight", head.weight.shape) * np.sqrt(2 / 480)
    head.load_state_dict({"weight": weight, "bias": 0.02 * plain(kit, "fresh_head.bias", head.bias.shape)})
    return head


@torch.inference_mode()
@pytest.mark.parametrize(("folder", "architecture"), [("medsegdiff_v2", PUBLISHED), ("medsegdiff_v2_small", SMALL)])
def test_the_second_version_gives_the_recorded_outputs(shared, folder, architecture):
    kit = load_seeded_kit(shared / "parity" / folder)
    network = seeded(kit, MedSegDiffV2(architecture))
    outputs = tap(network, ("input_blocks.0", "middle_block", "hwm"))
    x, timesteps = asked(kit)
    out, coarse = network(x, timesteps)
    kit.assert_recorded("out", out, TOLERANCE)
    kit.assert_recorded("cal", coarse, TOLERANCE)
    for name in ("input_blocks.0", "middle_block"):
        kit.assert_recorded(f"tap.{name}", outputs[name], TOLERANCE)
    enlarged = anchors(outputs["hwm"], x.shape[-2:])
    kit.assert_recorded("anchor0", enlarged[:, :32], TOLERANCE)
    kit.assert_recorded("anchor1", enlarged[:, 64:], TOLERANCE)
    kit.assert_recorded("out_t17", network(x, torch.full_like(timesteps, 17))[0], TOLERANCE)


@torch.inference_mode()
def test_the_frequency_filter_gives_the_recorded_output(shared):
    kit = load_seeded_kit(shared / "parity" / "medsegdiff_v1")
    layer = FrequencyFilter(4, 16)
    layer.load_state_dict({"complex_weight": kit.tensor("ffparser_complex_weight")})
    kit.assert_recorded("ffparser_y", layer(kit.tensor("ffparser_x")), TOLERANCE)
