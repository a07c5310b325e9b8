"""UniverSeg gives the recorded outputs of its authors' code under the kit's seeded weights."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.universeg import UniverSeg
from seeded_kit import layout, load_seeded_kit, tap

TIGHT = 1e-5
"""Rounding is 1.5e-6 of the scale."""

TAPS = ("enc_blocks.0.target", "enc_blocks.3.target", "enc_blocks.3.support")
ORDERS = {"s3": (0, 1, 2), "s1": (0,), "s3_perm_201": (2, 0, 1), "s3_perm_120": (1, 2, 0)}


@pytest.fixture(scope="module")
def kit(shared):
    return load_seeded_kit(shared / "parity" / "universeg_v1")


@pytest.fixture(scope="module")
def network(kit):
    """The published size under the kit's rule for weights."""
    network = UniverSeg()
    fit_checkpoint(network, kit.weights(network), "universeg")
    return network


def inputs(kit, order=(0, 1, 2)):
    order = list(order)
    return kit.tensor("target_image"), kit.tensor("support_images")[:, order], kit.tensor("support_labels")[:, order]


def test_names_shapes_and_types_of_the_parameters_are_the_published_ones_in_their_order(kit):
    assert layout(UniverSeg()) == kit.layout()


@pytest.mark.parametrize("name", ORDERS)
@torch.inference_mode()
def test_every_order_and_number_of_supports_gives_the_recorded_logits(kit, network, name):
    kit.assert_recorded(name, network(*inputs(kit, ORDERS[name])), TIGHT)


@torch.inference_mode()
def test_supports_one_at_a_time_give_the_recorded_logits(kit, network):
    kit.assert_recorded("s3", network(*inputs(kit), at_once=1), TIGHT)


@torch.inference_mode()
def test_the_blocks_give_the_recorded_maps(kit, network):
    outputs = tap(network, TAPS)
    network(*inputs(kit))
    for name in TAPS:
        kit.assert_recorded(f"tap.{name}", outputs[name], TIGHT)


def test_every_recorded_output_is_compared(kit):
    compared = {*ORDERS, *(f"tap.{name}" for name in TAPS)}
    assert {name.removeprefix("out.") for name in kit.arrays if name.startswith("out.")} == compared
