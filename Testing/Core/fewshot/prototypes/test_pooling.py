"""Averages under masks, whatever the sizes of masks and features."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.fewshot.prototypes.local_prototypes import local_scores, window_prototypes
from MedSegAICore.fewshot.prototypes.masked_average import prototypes_of
from MedSegAICore.fewshot.prototypes.pooling import coverage, mask_weights, masked_mean
from torch.nn import functional


@pytest.mark.parametrize("size", [(40, 56), (13, 9), (7, 60), (1, 1)])
def test_the_mean_is_that_of_features_enlarged_to_the_size_of_the_mask(size):
    random = torch.Generator().manual_seed(0)
    features = torch.randn(2, 5, 7, 9, generator=random)
    masks = (torch.rand(2, *size, generator=random) > 0.4).float()
    large = functional.interpolate(features, size, mode="bilinear", align_corners=False)
    expected = (large * masks[:, None]).sum(dim=(2, 3)) / (masks.sum(dim=(1, 2))[:, None] + 1e-5)
    assert torch.allclose(masked_mean(features, mask_weights(masks, (7, 9))), expected, atol=1e-5)


def test_one_pixel_never_vanishes_between_features():
    for row in range(64):
        mask = torch.zeros(1, 64, 64)
        mask[0, row, 63 - row] = 1
        assert coverage(mask, (4, 4)).sum() > 0


def test_coverage_is_one_under_a_mask_that_covers_everything():
    assert torch.allclose(coverage(torch.ones(1, 50, 37), (8, 5)), torch.ones(1, 8, 5))


def test_prototypes_of_two_halves_are_their_colours():
    features = torch.zeros(1, 2, 4, 4)
    features[0, 0, :, :2] = features[0, 1, :, 2:] = 3
    masks = torch.zeros(1, 4, 4)
    masks[0, :, :2] = 1
    prototypes = prototypes_of(features, masks)
    assert torch.allclose(prototypes.foreground, torch.tensor([3.0, 0]), atol=1e-4)
    assert torch.allclose(prototypes.background, torch.tensor([0, 3.0]), atol=1e-4)


def test_only_covered_windows_give_prototypes():
    features = torch.eye(4).reshape(1, 4, 2, 2).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    masks = torch.zeros(1, 4, 4)
    masks[0, :2, :2] = masks[0, 2:, 2:] = 1
    masks[0, 3, 3] = 0
    assert window_prototypes(features, masks, (2, 2)).tolist() == [[1, 0, 0, 0]]


def test_each_place_listens_to_the_prototype_it_is_like():
    features = torch.eye(3).reshape(1, 3, 1, 3)
    scores = local_scores(features, torch.eye(3)[:2])
    assert torch.allclose(scores[0, 0], torch.tensor([20.0, 20.0, 0.0]), atol=1e-4)


def test_features_smaller_than_a_window_are_taken_whole():
    features = torch.ones(1, 3, 1, 1)
    assert window_prototypes(features, torch.ones(1, 1, 1), (2, 2)).shape == (1, 3)
