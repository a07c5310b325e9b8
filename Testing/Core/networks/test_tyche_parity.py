"""Tyche-TS gives the recorded outputs of its authors' code under the kit's seeded weights."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.tyche import TycheTS
from seeded_kit import layout, load_seeded_kit, tap

TIGHT = 1e-5
"""Rounding is 1.5e-6 of the scale."""

TAPS = ("enc_blocks.0.target", "enc_blocks.3.target", "enc_blocks.3.support")


@pytest.fixture(scope="module")
def kit(shared):
    return load_seeded_kit(shared / "parity" / "tyche_ts_v1")


@pytest.fixture(scope="module")
def network(kit):
    """The published size under the kit's rule for weights."""
    network = TycheTS()
    fit_checkpoint(network, kit.weights(network), "tyche_ts")
    return network


def answer(kit, network, noise=1.0, **options):
    """Return the candidates as they were recorded, (b, k, 1, rows, columns)."""
    names = ("target_image", "support_images", "support_labels")
    tensors = [kit.tensor(name) for name in names]
    return network(*tensors, noise * kit.tensor("noise_image"), **options)[:, :, None]


def test_names_shapes_and_types_of_the_parameters_are_the_published_ones_in_their_order(kit):
    assert layout(TycheTS()) == kit.layout()


@torch.inference_mode()
def test_the_blocks_give_the_recorded_maps_and_candidates(kit, network):
    outputs = tap(network, TAPS)
    candidates = answer(kit, network)
    for name in TAPS:
        kit.assert_recorded(f"tap.{name}", outputs[name], TIGHT)
    kit.assert_recorded("candidates", candidates, TIGHT)


@torch.inference_mode()
def test_supports_one_at_a_time_give_the_recorded_candidates(kit, network):
    kit.assert_recorded("candidates", answer(kit, network, at_once=1), TIGHT)


@torch.inference_mode()
def test_without_noise_all_candidates_are_the_recorded_one(kit, network):
    candidates = answer(kit, network, noise=0.0)
    kit.assert_recorded("candidate0_zero_noise", candidates[:, :1], TIGHT)
    torch.testing.assert_close(candidates[:, 1:], candidates[:, :1].expand(-1, 2, -1, -1, -1))


def test_every_recorded_output_is_compared(kit):
    compared = {"candidates", "candidate0_zero_noise", *(f"tap.{name}" for name in TAPS)}
    assert {name.removeprefix("out.") for name in kit.arrays if name.startswith("out.")} == compared
