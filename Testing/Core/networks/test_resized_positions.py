"""Positions of a checkpoint fit pictures of another size, as the package itself stretches them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from MedSegAICore.networks.resized_positions import resized_distances, resized_grid, resized_positions
from MedSegAICore.networks.sam import Sam
from MedSegAICore.networks.segment_anything_package import load_modeling
from tiny_sam import TINY, random_state

LARGER, SMALLER = replace(TINY, image_size=384), replace(TINY, image_size=128)


@pytest.mark.parametrize("architecture", [LARGER, SMALLER])
def test_a_checkpoint_fits_a_network_for_pictures_of_another_size(architecture):
    state = resized_positions(random_state(Sam(TINY), seed=3), architecture)
    found = Sam(architecture).load_state_dict(state, assign=True)
    assert not found.missing_keys
    assert not found.unexpected_keys


def test_only_positions_of_the_whole_picture_change():
    state = random_state(Sam(TINY), seed=3)
    resized = resized_positions(state, SMALLER)
    changed = {name for name, tensor in resized.items() if tensor is not state[name]}
    whole = TINY.global_blocks[0]
    tables = {f"image_encoder.blocks.{whole}.attn.rel_pos_{axis}" for axis in "hw"}
    assert changed == {"image_encoder.pos_embed"} | tables


def test_a_checkpoint_that_fits_is_passed_on_as_it_is():
    state = random_state(Sam(TINY), seed=3)
    resized = resized_positions(state, TINY)
    assert all(resized[name] is tensor for name, tensor in state.items())


def test_a_checkpoint_without_positions_is_left_for_the_loader_to_refuse():
    assert resized_positions({}, SMALLER) == {}


@pytest.mark.parametrize("tokens", [3, 8, 16, 31])
def test_distances_are_stretched_as_the_package_stretches_them_while_it_runs(tokens):
    table = torch.randn(2 * 16 - 1, 6, generator=torch.Generator().manual_seed(tokens))
    expected = load_modeling().image_encoder.get_rel_pos(tokens, tokens, table)
    position = torch.arange(tokens)
    found = resized_distances(table, tokens)[position[:, None] - position + tokens - 1]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("tokens", [5, 12])
def test_a_slope_of_positions_stays_a_slope_away_from_the_edges(tokens):
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    resized = resized_grid(torch.stack([rows, columns], dim=-1)[None], tokens)
    middle = (torch.arange(tokens) + 0.5) * 8 / tokens - 0.5
    expected = torch.stack(torch.meshgrid(middle.clamp(0, 7), middle.clamp(0, 7), indexing="ij"), dim=-1)
    torch.testing.assert_close(resized[0], expected)


def test_positions_in_half_precision_are_stretched_in_single_precision():
    table = torch.randn(31, 4).half()
    torch.testing.assert_close(resized_distances(table, 8), resized_distances(table.float(), 8))
