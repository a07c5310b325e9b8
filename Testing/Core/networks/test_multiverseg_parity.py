"""MultiverSeg gives the recorded outputs of its authors' code under the kit's seeded weights."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.multiverseg import MultiverSeg
from seeded_kit import layout, load_seeded_kit, tap

TIGHT = 1e-5
"""Rounding is 6e-7 of the scale."""

TAPS = ("enc_blocks.0.target", "enc_blocks.3.target")
NOT_DRAWN = [1, 3, 4]
"""Channels of the target: box, marks outside, logits of the answer before."""


@pytest.fixture(scope="module")
def kit(shared):
    return load_seeded_kit(shared / "parity" / "multiverseg_v1")


@pytest.fixture(scope="module")
def network(kit):
    """The published size under the kit's rule for weights."""
    network = MultiverSeg()
    fit_checkpoint(network, kit.weights(network), "multiverseg")
    return network


def test_names_shapes_and_types_of_the_parameters_are_the_published_ones_in_their_order(kit):
    assert layout(MultiverSeg()) == kit.layout()


@torch.inference_mode()
def test_two_examples_give_the_recorded_maps_and_logits(kit, network):
    outputs = tap(network, TAPS)
    logits = network(kit.tensor("target"), kit.tensor("context_images"), kit.tensor("context_labels"))
    for name in TAPS:
        kit.assert_recorded(f"tap.{name}", outputs[name], TIGHT)
    kit.assert_recorded("context2", logits, TIGHT)


@torch.inference_mode()
def test_no_example_gives_the_recorded_logits(kit, network):
    target = kit.tensor("target")
    kit.assert_recorded("context0", network(target), TIGHT)
    target[:, NOT_DRAWN] = 0
    kit.assert_recorded("context0_clicks_only", network(target), TIGHT)


def test_every_recorded_output_is_compared(kit):
    compared = {"context2", "context0", "context0_clicks_only", *(f"tap.{name}" for name in TAPS)}
    assert {name.removeprefix("out.") for name in kit.arrays if name.startswith("out.")} == compared
